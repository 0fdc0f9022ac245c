//! Every trap of the socket layer that the leg is built around, over real TCP.

#[cfg(test)]
mod leg_support;

use std::time::Duration;

use bytestring::ByteString;
use leg_support::{Lab, PATIENCE, Peer, frame, handshake, header, hear};
use operetta_server::leg::{LegEnding, LegSettings};
use operetta_session::{FromLeg, Leg, ToLeg};
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

fn text(text: &str) -> FromLeg {
    FromLeg::Text(ByteString::from(text))
}

fn say(text: &str) -> ToLeg {
    ToLeg::Text(ByteString::from(text))
}

/// The peer breaks a rule: the call hears of it once, the peer gets one close frame, and TCP ends.
async fn check_violation(lab: &mut Lab, name: &str, bytes: &[u8], code: u16, ending: LegEnding) {
    let before = lab.tally.ended(ending);
    let (mut peer, mut leg) = lab.dial().await;
    peer.text("before").await;
    peer.write(bytes).await;
    assert_eq!(hear(&mut leg).await, text("before"), "{name}");
    peer.expect_close(code).await;
    assert_eq!(hear(&mut leg).await, FromLeg::Closed { code }, "{name}");
    assert_eq!(leg.heard.recv().await, None, "{name}");
    peer.expect_end(SECOND).await;
    assert_eq!(lab.tally.ended(ending), before + 1, "{name}");
    lab.wait_for("the leg's end", PATIENCE, |tally| tally.live() == 0).await;
}

#[actix_web::test]
async fn text_flows_both_ways() {
    let mut lab = Lab::start(LegSettings::default());
    let (mut peer, mut leg) = lab.dial().await;
    peer.text("नमस्ते").await;
    assert_eq!(hear(&mut leg).await, text("नमस्ते"));
    let long = "x".repeat(256 * 1024);
    peer.text(&long).await;
    assert_eq!(hear(&mut leg).await, text(&long));
    leg.say.send(say("hello")).await.unwrap();
    leg.say.send(say(&long)).await.unwrap();
    assert_eq!(peer.read().await, (0x81, b"hello".to_vec()));
    assert_eq!(peer.read().await, (0x81, long.into_bytes()));
    peer.send(0x82, &[1, 2, 3]).await;
    assert_eq!(hear(&mut leg).await, FromLeg::Binary);
}

#[actix_web::test]
async fn a_frame_may_come_byte_by_byte() {
    let mut lab = Lab::start(LegSettings::default());
    let (mut peer, mut leg) = lab.dial().await;
    peer.stream.set_nodelay(true).unwrap();
    for byte in frame(0x81, "x".repeat(130).as_bytes()) {
        peer.write(&[byte]).await;
    }
    assert_eq!(hear(&mut leg).await, text(&"x".repeat(130)));
}

#[actix_web::test]
async fn a_frame_may_come_with_the_handshake() {
    let mut lab = Lab::start(LegSettings::default());
    let mut peer = lab.connect().await;
    let mut bytes = handshake("dGhlIHNhbXBsZSBub25jZQ==", "13").into_bytes();
    bytes.extend(frame(0x81, b"early"));
    peer.write(&bytes).await;
    let mut leg = lab.leg().await;
    assert_eq!(hear(&mut leg).await, text("early"));
}

#[actix_web::test]
async fn fragments_are_put_together() {
    let mut lab = Lab::start(LegSettings::default());
    let (mut peer, mut leg) = lab.dial().await;
    // A character may be cut by the end of a fragment, and a ping may come between.
    let bytes = "grüß".as_bytes();
    peer.send(0x01, &bytes[..3]).await;
    peer.send(0x89, b"?").await;
    peer.send(0x00, &[]).await;
    peer.send(0x80, &bytes[3..]).await;
    assert_eq!(peer.read().await, (0x8a, b"?".to_vec()));
    assert_eq!(hear(&mut leg).await, text("grüß"));
    peer.send(0x02, &[1]).await;
    peer.send(0x80, &[2]).await;
    assert_eq!(hear(&mut leg).await, FromLeg::Binary);
}

#[actix_web::test]
async fn violations_end_the_leg_once() {
    let mut lab = Lab::start(LegSettings { close_wait: Duration::from_millis(100), ..LegSettings::default() });
    let mut unmasked = vec![0x81, 5];
    unmasked.extend_from_slice(b"hello");
    let mut fragments = frame(0x01, b"");
    for _ in 0..1024 {
        fragments.extend(frame(0x00, b""));
    }
    let mut growing = frame(0x01, &vec![b'x'; 200 * 1024]);
    growing.extend(header(0x80, 57 * 1024));
    let protocol = LegEnding::ProtocolViolation;
    let rows: &[(&str, &[u8], u16, LegEnding)] = &[
        ("unmasked", &unmasked, 1002, protocol),
        ("reserved bit", &frame(0xc1, b"x"), 1002, protocol),
        ("unknown opcode", &frame(0x83, b"x"), 1002, protocol),
        ("fragmented ping", &frame(0x09, b"x"), 1002, protocol),
        ("long ping", &frame(0x89, &[0; 126]), 1002, protocol),
        ("continuation of nothing", &frame(0x80, b"x"), 1002, protocol),
        ("forbidden close code", &frame(0x88, &1005_u16.to_be_bytes()), 1002, protocol),
        ("close frame of one byte", &frame(0x88, &[3]), 1002, protocol),
        ("bad UTF-8", &frame(0x81, &[0xc3, 0x28]), 1007, LegEnding::BadUtf8),
        ("bad UTF-8 in fragments", &[frame(0x01, &[0xc3]), frame(0x80, &[0x28])].concat(), 1007, LegEnding::BadUtf8),
        ("one byte too long", &header(0x81, 256 * 1024 + 1), 1009, LegEnding::TooLarge),
        ("a header that claims a tebibyte", &header(0x81, 1 << 40), 1009, LegEnding::TooLarge),
        ("too many empty fragments", &fragments, 1009, LegEnding::TooLarge),
        ("fragments that grow too long", &growing, 1009, LegEnding::TooLarge),
    ];
    for (name, bytes, code, ending) in rows {
        check_violation(&mut lab, name, bytes, *code, *ending).await;
    }
}

#[actix_web::test]
async fn the_peers_close_is_echoed_and_tcp_ends() {
    let mut lab = Lab::start(LegSettings::default());
    for (payload, code) in
        [(&b""[..], 1005), (&[3, 232][..], 1000), (&[3, 232, b'o', b'k'][..], 1000), (&[15, 160][..], 4000)]
    {
        let (mut peer, mut leg) = lab.dial().await;
        peer.send(0x88, payload).await;
        assert_eq!(peer.read().await, (0x88, payload[..payload.len().min(2)].to_vec()));
        assert_eq!(hear(&mut leg).await, FromLeg::Closed { code });
        let closed = Instant::now();
        peer.expect_end(SECOND).await;
        println!("TCP closed {:?} after the close handshake", closed.elapsed());
    }
    lab.wait_for("the ends", PATIENCE, |tally| tally.ended(LegEnding::PeerClosed) == 4).await;
}

#[actix_web::test]
async fn the_call_closes_and_waits_for_the_echo() {
    let mut lab = Lab::start(LegSettings::default());
    let (mut peer, mut leg) = lab.dial().await;
    leg.say.send(say("goodbye")).await.unwrap();
    leg.say.send(ToLeg::Close { code: 1000 }).await.unwrap();
    assert_eq!(peer.read().await, (0x81, b"goodbye".to_vec()));
    peer.expect_close(1000).await;
    // What the peer had under way does not disturb the close, and the call does not hear it.
    peer.text("late").await;
    peer.send(0x88, &[3, 232]).await;
    assert_eq!(hear(&mut leg).await, FromLeg::Closed { code: 1000 });
    peer.expect_end(SECOND).await;
    assert!(leg.say.try_send(say("after")).is_err());
    lab.wait_for("the end", PATIENCE, |tally| tally.ended(LegEnding::CallClosed) == 1).await;
}

#[actix_web::test]
async fn a_close_that_nobody_answers_ends_all_the_same() {
    let mut lab = Lab::start(LegSettings { close_wait: Duration::from_millis(50), ..LegSettings::default() });
    let (mut peer, mut leg) = lab.dial().await;
    leg.say.send(ToLeg::Close { code: 1000 }).await.unwrap();
    peer.expect_close(1000).await;
    assert_eq!(hear(&mut leg).await, FromLeg::Closed { code: 1006 });
    peer.expect_end(SECOND).await;
}

#[actix_web::test]
async fn a_close_is_not_held_up_by_a_call_that_is_behind() {
    let mut lab = Lab::start(LegSettings { heard_messages: 1, ..LegSettings::default() });
    let (mut peer, mut leg) = lab.dial().await;
    for _ in 0..10 {
        peer.text("audio").await;
    }
    // From here on the call is behind: one message waits, and there is no room for the next.
    let behind = Instant::now() + PATIENCE;
    while leg.heard.is_empty() {
        assert!(Instant::now() < behind, "no message came");
        tokio::task::yield_now().await;
    }
    leg.say.send(ToLeg::Close { code: 1000 }).await.unwrap();
    peer.expect_close(1000).await;
    peer.send(0x88, &[3, 232]).await;
    assert_eq!(hear(&mut leg).await, text("audio"));
    let mut last = hear(&mut leg).await;
    while last == text("audio") {
        last = hear(&mut leg).await;
    }
    assert_eq!(last, FromLeg::Closed { code: 1000 });
}

#[actix_web::test]
async fn a_lost_socket_is_1006() {
    let mut lab = Lab::start(LegSettings::default());
    let (mut peer, mut leg) = lab.dial().await;
    peer.text("last words").await;
    drop(peer);
    assert_eq!(hear(&mut leg).await, text("last words"));
    assert_eq!(hear(&mut leg).await, FromLeg::Closed { code: 1006 });
    lab.wait_for("the end", PATIENCE, |tally| tally.ended(LegEnding::Lost) == 1).await;
}

#[actix_web::test]
async fn dropping_the_leg_ends_an_idle_socket() {
    let mut lab = Lab::start(LegSettings::default());
    let (mut peer, leg) = lab.dial().await;
    drop(leg);
    lab.wait_for("the end", SECOND, |tally| tally.live() == 0).await;
    while !matches!(timeout(SECOND, peer.stream.try_read_all()).await, Ok(Ended)) {}
}

struct Ended;

trait ReadAll {
    async fn try_read_all(&mut self) -> Ended;
}

impl ReadAll for tokio::net::TcpStream {
    /// Reads until the connection ends, in whatever way.
    async fn try_read_all(&mut self) -> Ended {
        use tokio::io::AsyncReadExt;
        let mut bytes = [0; 4096];
        while matches!(self.read(&mut bytes).await, Ok(1..)) {}
        Ended
    }
}

/// Says frames until `say` has been full for 100 ms.
async fn fill(leg: &Leg, frame: &str) -> usize {
    let mut bytes = 0;
    let mut full_since = None;
    loop {
        match leg.say.try_send(say(frame)) {
            Ok(()) => {
                bytes += frame.len();
                full_since = None;
            }
            Err(TrySendError::Full(_)) => {
                let since = *full_since.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_millis(100) {
                    return bytes;
                }
                sleep(Duration::from_millis(1)).await;
            }
            Err(TrySendError::Closed(_)) => panic!("the leg ended by itself"),
        }
    }
}

#[actix_web::test]
async fn a_peer_that_stops_reading_is_felt_and_freed() {
    let mut lab = Lab::start(LegSettings::default());
    let (peer, leg) = lab.dial_narrow().await;
    let said = fill(&leg, &"x".repeat(4300)).await;
    println!("{said} bytes were said before the call felt it");
    assert!(said < 1024 * 1024, "{said} bytes before the call felt it");
    assert_eq!(lab.tally.live(), 1);
    let dropped = Instant::now();
    drop(leg);
    lab.wait_for("the frozen leg", SECOND, |tally| tally.live() == 0).await;
    println!("freed {:?} after the drop", dropped.elapsed());
    drop(peer);
}

/// Nobody kills this one: the kernel gives up on a peer that keeps its window shut.
#[actix_web::test]
async fn a_shut_window_is_given_up_by_the_kernel() {
    let mut lab = Lab::start(LegSettings::default());
    let (_peer, mut leg) = lab.dial_narrow().await;
    fill(&leg, &"x".repeat(4300)).await;
    let closed = timeout(Duration::from_secs(25), leg.heard.recv()).await.expect("TCP_USER_TIMEOUT");
    assert_eq!(closed, Some(FromLeg::Closed { code: 1006 }));
}

#[actix_web::test]
async fn pings_are_answered_and_sent() {
    let mut lab = Lab::start(LegSettings {
        ping_every: Duration::from_millis(50),
        silence_limit: Duration::from_millis(400),
        ..LegSettings::default()
    });
    let (mut peer, mut leg) = lab.dial().await;
    peer.send(0x89, b"are you there").await;
    assert_eq!(peer.read().await, (0x8a, b"are you there".to_vec()));
    // A peer that only answers pings lives on.
    for _ in 0..12 {
        assert_eq!(peer.read().await, (0x89, Vec::new()));
        peer.send(0x8a, b"").await;
    }
    // One that has gone silent does not.
    let silent = Instant::now();
    assert_eq!(hear(&mut leg).await, FromLeg::Closed { code: 1006 });
    let found = silent.elapsed();
    assert!(found >= Duration::from_millis(300) && found < SECOND, "found after {found:?}");
    lab.wait_for("the end", PATIENCE, |tally| tally.ended(LegEnding::HalfOpen) == 1).await;
}

#[actix_web::test]
async fn a_missing_pong_means_nothing_while_data_flows() {
    let mut lab = Lab::start(LegSettings {
        ping_every: Duration::from_millis(50),
        silence_limit: Duration::from_millis(300),
        ..LegSettings::default()
    });
    let (mut peer, mut leg) = lab.dial().await;
    for _ in 0..20 {
        peer.text("audio").await;
        assert_eq!(hear(&mut leg).await, text("audio"));
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lab.tally.live(), 1);
}

#[actix_web::test]
async fn a_peer_that_we_hold_back_is_not_taken_for_dead() {
    let mut lab = Lab::start(LegSettings {
        ping_every: Duration::from_millis(50),
        silence_limit: Duration::from_millis(200),
        heard_messages: 1,
        ..LegSettings::default()
    });
    let (mut peer, mut leg) = lab.dial().await;
    for _ in 0..3 {
        peer.text("audio").await;
    }
    // Twelve pings are four times the silence limit.
    for _ in 0..12 {
        assert_eq!(peer.read().await, (0x89, Vec::new()));
    }
    for _ in 0..3 {
        assert_eq!(hear(&mut leg).await, text("audio"));
    }
}

#[actix_web::test]
async fn a_call_that_is_behind_loses_nothing_and_slows_the_peer() {
    let mut lab = Lab::start(LegSettings::default());
    let (mut peer, mut leg) = lab.dial().await;
    let filler = "x".repeat(20_000);
    let sent = pour(&mut peer, &filler).await;
    println!("{sent} messages of 20 kB were taken from the peer while the call heard none");
    assert!(sent > 10, "{sent}");
    for n in 0..sent {
        let FromLeg::Text(heard) = hear(&mut leg).await else { panic!("message {n}") };
        assert_eq!(heard.split(' ').next(), Some(n.to_string().as_str()));
    }
}

/// Sends numbered messages until the socket has taken nothing for 300 ms; what was cut is finished by the caller's
/// reading, so the last, unfinished message is not counted.
async fn pour(peer: &mut Peer, filler: &str) -> usize {
    use tokio::io::AsyncWriteExt;
    for n in 0..10_000 {
        let bytes = frame(0x81, format!("{n} {filler}").as_bytes());
        if timeout(Duration::from_millis(300), peer.stream.write_all(&bytes)).await.is_err() {
            return n;
        }
    }
    panic!("200 MB were taken from the peer while the call heard nothing");
}

#[actix_web::test]
async fn bad_handshakes_are_refused() {
    let lab = Lab::start(LegSettings::default());
    let good = "dGhlIHNhbXBsZSBub25jZQ==";
    let rows = [
        ("no base64", handshake("not a key", "13"), "400"),
        ("15 bytes", handshake("dGhlIHNhbXBsZSBub25j", "13"), "400"),
        ("17 bytes", handshake("dGhlIHNhbXBsZSBub25jZWE=", "13"), "400"),
        ("empty", handshake("", "13"), "400"),
        ("version 8", handshake(good, "8"), "426"),
        ("version 14", handshake(good, "14"), "426"),
        ("no upgrade", "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "400"),
        ("post", handshake(good, "13").replace("GET", "POST"), "405"),
    ];
    for (name, request, status) in rows {
        let mut peer = lab.connect().await;
        peer.write(request.as_bytes()).await;
        let head = peer.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{name}: {head}");
    }
    assert_eq!(lab.tally.opened(), 0);
}

#[actix_web::test]
async fn a_slow_head_is_cut_at_five_seconds() {
    let lab = Lab::start(LegSettings::default());
    let mut peer = lab.connect().await;
    let began = Instant::now();
    peer.write(b"GET / HTTP/1.1\r\nHost: ").await;
    let head = peer.read_head().await;
    assert!(head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    peer.expect_end(SECOND).await;
}
