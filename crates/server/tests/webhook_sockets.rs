//! Webhooks over real TCP: peers that dawdle, and how fast the rest is answered.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(test)]
mod edge_support;
#[cfg(test)]
mod leg_support;

use std::net::SocketAddr;
use std::time::Duration;

use edge_support::{SECRET, serve, sign};
use futures_util::future::join_all;
use leg_support::Peer;
use operetta_server::leg::LegSettings;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

fn post(target: &str, length: usize, headers: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n{headers}\r\n"
    )
}

#[actix_web::test]
async fn a_slow_body_is_cut() {
    let served = serve(LegSettings::default());
    for target in [format!("/exotel/voicebot?secret={SECRET}"), "/twilio/voice".to_owned()] {
        let mut peer = Peer { stream: TcpStream::connect(served.addr).await.unwrap() };
        let began = Instant::now();
        peer.write(post(&target, 1000, "X-Twilio-Signature: x\r\n").as_bytes()).await;
        peer.write(b"C").await;
        let head = peer.read_head().await;
        assert!(head.starts_with("HTTP/1.1 408"), "{target}: {head}");
        peer.expect_end(Duration::from_secs(1)).await;
        // The test's edge allows half a second.
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}

#[actix_web::test]
async fn a_body_that_lies_about_its_length_is_refused() {
    let served = serve(LegSettings::default());
    let mut peer = Peer { stream: TcpStream::connect(served.addr).await.unwrap() };
    peer.write(post(&format!("/exotel/voicebot?secret={SECRET}"), 1 << 30, "").as_bytes()).await;
    // What does not fit is not waited for; the server may be gone before all of it is written.
    let _ = peer.stream.write_all(&vec![b'x'; 80 * 1024]).await;
    let head = peer.read_head().await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
}

#[actix_web::test]
async fn a_missing_proof_is_refused_before_the_body_comes() {
    let served = serve(LegSettings::default());
    for target in ["/exotel/voicebot", "/twilio/voice"] {
        let mut peer = Peer { stream: TcpStream::connect(served.addr).await.unwrap() };
        peer.write(post(target, 1000, "").as_bytes()).await;
        let head = peer.read_head().await;
        assert!(head.starts_with("HTTP/1.1 403"), "{target}: {head}");
    }
}

/// 200 requests a second for two seconds, half of them Twilio's with their signatures, each on a connection of its own as
/// carriers make them. The bar is 10 ms for 99 of 100 in a release build on two quiet cores; here, unoptimised and among
/// other tests, it is ten times that, and the figure is printed.
#[actix_web::test]
async fn webhooks_are_answered_at_once() {
    let served = serve(LegSettings::default());
    let body = "CallSid=CA1&From=%2B12025550123&To=%2B12025550199&Direction=inbound";
    let signature = format!("X-Twilio-Signature: {}\r\n", sign("https://voice.example.com/twilio/voice", body));
    let twilio = post("/twilio/voice", body.len(), &signature) + body;
    let exotel = post(&format!("/exotel/voicebot?secret={SECRET}"), body.len(), "") + body;
    let began = Instant::now();
    let asked = (0..400_u32).map(|n| {
        let request = if n % 2 == 0 { &twilio } else { &exotel };
        ask(served.addr, began + n * Duration::from_millis(5), request)
    });
    let mut took: Vec<Duration> = join_all(asked).await;
    took.sort_unstable();
    println!("webhooks at 200/s: p50 {:?}, p99 {:?}, most {:?}", took[200], took[396], took[399]);
    assert!(took[396] < Duration::from_millis(100), "p99 {:?}", took[396]);
}

async fn ask(addr: SocketAddr, at: Instant, request: &str) -> Duration {
    sleep_until(at).await;
    let began = Instant::now();
    let mut peer = Peer { stream: TcpStream::connect(addr).await.unwrap() };
    peer.write(request.as_bytes()).await;
    let head = peer.read_head().await;
    let took = began.elapsed();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    took
}
