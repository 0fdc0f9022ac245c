//! Over HTTP/2.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, web};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::*;

/// Notes when a reply is given up before its end.
struct Guard(Sender<String>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send("given up".into());
    }
}

/// Says `ab`; for ever, if that is the text.
async fn speak(request: HttpRequest, text: String, notes: web::Data<Sender<String>>) -> HttpResponse {
    notes.send(format!("{:?} {text}", request.version())).unwrap();
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(web::Bytes::from_static(b"ab"))]);
    let mut reply = HttpResponse::Ok();
    reply.content_type("audio/basic");
    if text != "for ever" {
        return reply.streaming(first);
    }
    // This server notices that nobody listens when it says more.
    let more = futures_util::stream::unfold(Guard(Sender::clone(&notes)), async |guard| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok(web::Bytes::from_static(b"ab")), guard))
    });
    reply.streaming(futures_util::StreamExt::chain(first, Box::pin(more)))
}

/// A real server that speaks HTTP/2, on a thread of its own: where it is, what it notes, and how to stop it.
fn serve() -> (String, Receiver<String>, ServerHandle) {
    let chain =
        CertificateDer::pem_slice_iter(include_bytes!("../fixtures/server.pem")).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../fixtures/server.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let (notes, seen) = channel();
    let (tell, told) = channel();
    thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let connections = notes.clone();
            let notes = web::Data::new(notes);
            let app = move || App::new().app_data(notes.clone()).route("/speak", web::post().to(speak));
            let server = HttpServer::new(app)
                .workers(1)
                .on_connect(move |_, _| connections.send("connected".into()).unwrap())
                .disable_signals()
                .bind_rustls_0_23("127.0.0.1:0", config)
                .unwrap();
            let port = server.addrs()[0].port();
            let running = server.run();
            tell.send((format!("https://localhost:{port}"), running.handle())).unwrap();
            running.await.unwrap();
        });
    });
    let (url, handle) = told.recv().unwrap();
    (url, seen, handle)
}

#[actix_rt::test]
async fn a_cancelled_job_costs_a_stream_and_not_a_connection() {
    let (url, seen, server) = serve();
    let trusting =
        NetConfig { extra_roots: vec![include_bytes!("../fixtures/authority.pem").to_vec()], ..NetConfig::default() };
    let patient = HttpTimes { gap: peer::EVER, ..HttpTimes::default() };
    let mut play = play(url, patient, &trusting, false);
    assert_eq!(play.hello(1).await, (b"ab".to_vec(), Ok(())));
    let lease = play.asker.ask(&play.desk, 2, say("for ever"));
    assert_eq!(play.asker.next().await, (2, Speech::Audio(Arc::from(*b"ab"))));
    drop(lease);
    assert_eq!(play.hello(3).await, (b"ab".to_vec(), Ok(())));
    assert_eq!(play.hello(4).await, (b"ab".to_vec(), Ok(())));
    let mut noted: Vec<String> = (0..6).map(|_| seen.recv_timeout(peer::EVER).unwrap()).collect();
    noted.sort();
    let expected = ["HTTP/2.0 for ever", "HTTP/2.0 hello", "HTTP/2.0 hello", "HTTP/2.0 hello", "connected", "given up"];
    assert_eq!(noted, expected);
    server.stop(false).await;
}

#[actix_rt::test]
async fn a_connection_that_the_server_has_ended_meanwhile_costs_nothing() {
    let (url, seen, server) = serve();
    let trusting =
        NetConfig { extra_roots: vec![include_bytes!("../fixtures/authority.pem").to_vec()], ..NetConfig::default() };
    let mut play = play(url.clone(), HttpTimes::default(), &trusting, false);
    assert_eq!(play.hello(1).await, (b"ab".to_vec(), Ok(())));
    server.stop(false).await;
    // Nobody is there any more: the kept connection must not hide that.
    assert_eq!(play.hello(2).await, (vec![], Err(ErrorClass::Unavailable)));
    assert_eq!(seen.try_iter().count(), 2);
}
