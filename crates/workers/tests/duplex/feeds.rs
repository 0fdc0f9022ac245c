//! Jobs that are fed.

use super::*;

/// Listening: the feed.
fn ears(server: &Server, times: SocketTimes) -> (Desk<Transcribe>, Asker<Transcribe>) {
    let bill = Playbill::new("test");
    let (net, vendor) = (Net::new(&NetConfig::default()).unwrap(), Ears(url(server)));
    let desk =
        Supervisor::start(Policy::default(), &bill, move || DuplexWorker::new(vendor.clone(), net.clone(), times));
    (desk, Asker::new(&bill))
}

fn listen() -> Transcribe {
    Transcribe { language: Arc::from("en"), rate_hz: 8000 }
}

#[actix_rt::test]
async fn what_is_fed_arrives_in_order_and_again_when_the_session_was_over_before_it_began() {
    let mut server = Server::start(|mut peer| async move {
        peer.upgrade().await;
        for _ in 0..3 {
            let heard = peer.hear().await.unwrap();
            peer.note(heard);
        }
        if peer.number == 1 {
            return peer.text("expired").await;
        }
        peer.text("7 good morning").await;
        peer.note_all().await;
    })
    .await;
    let (desk, mut asker) = ears(&server, times());
    let lease = asker.ask(&desk, 1, listen());
    // Fed before anything is open.
    for piece in [Hearing::Samples(vec![1; 80]), Hearing::Samples(vec![2; 160]), Hearing::Flush(7)] {
        lease.feed(piece).unwrap();
    }
    let heard = Transcript::Final { text: Arc::from("good morning"), flush: Some(7) };
    assert_eq!(asker.next().await, (1, heard));
    lease.feed(Hearing::Flush(8)).unwrap();
    for connection in 1..=2 {
        assert!(matches!(server.next_said().await, Seen::Request(..)));
        for expected in ["160 bytes", "320 bytes", "flush 7"] {
            assert_eq!(server.next_said().await, Seen::Noted(connection, expected.into()));
        }
    }
    assert_eq!(server.next_said().await, Seen::Noted(2, "flush 8".into()));
    drop(lease);
    assert_eq!(server.next_said().await, Seen::Noted(2, "bye".into()));
    assert_eq!(server.next_said().await, Seen::Ended(2));
}

#[actix_rt::test]
async fn a_server_that_reads_nothing_is_given_up() {
    let mut server = Server::start(|mut peer| async move {
        peer.upgrade().await;
        // It goes on living, and tells so.
        loop {
            peer.frame(FIN | PING, b"").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
            if peer.stream.writable().await.is_err() || peer.stream.peer_addr().is_err() {
                return;
            }
        }
    })
    .await;
    let (desk, mut asker) = ears(&server, times());
    let lease = asker.ask(&desk, 1, listen());
    // More than any kernel buffers.
    for _ in 0..200 {
        lease.feed(Hearing::Samples(vec![0; 100_000])).unwrap();
    }
    let (_, event) = asker.next().await;
    assert!(matches!(&event, Transcript::Failed(error) if error.class == ErrorClass::Timeout), "{event:?}");
    assert!(matches!(server.next().await, Seen::Connected(1)));
}

#[actix_rt::test]
async fn w35_a_close_while_we_send_ends_the_job_once() {
    let server = Server::start(|mut peer| async move {
        peer.upgrade().await;
        peer.hear().await;
        peer.close(1011, "internal").await;
        peer.reset();
    })
    .await;
    let (desk, mut asker) = ears(&server, times());
    let lease = asker.ask(&desk, 1, listen());
    for _ in 0..100 {
        lease.feed(Hearing::Samples(vec![0; 20_000])).unwrap();
    }
    let (_, event) = asker.next().await;
    assert!(matches!(&event, Transcript::Failed(error) if error.class == ErrorClass::Unavailable), "{event:?}");
    assert_eq!(asker.rest(), []);
}
