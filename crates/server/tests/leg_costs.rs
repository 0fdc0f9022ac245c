//! What a hostile peer can make us spend. One test and one binary, because it measures the whole process.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "this is a test, and its figures are wanted")]

#[cfg(test)]
mod leg_support;

use std::time::Duration;

use leg_support::{Lab, PATIENCE, cpu_ticks, descriptors, frame, handshake, header, hear, resident_bytes};
use operetta_server::leg::{LegEnding, LegSettings};
use operetta_session::FromLeg;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

#[actix_web::test]
async fn a_hostile_peer_costs_neither_memory_nor_time() {
    let mut lab = Lab::start(LegSettings::default());
    // The first legs pay for threads, buffers and pages of code.
    for _ in 0..3 {
        pour(&mut lab, 1).await;
    }
    pour_behind_a_lie(&mut lab).await;
    pings_that_nobody_reads(&mut lab).await;
    one_bad_frame(&mut lab).await;
    storms(&mut lab).await;
}

/// 256 MiB behind a header that claims a tebibyte: resident memory grows by at most 1 MiB.
async fn pour_behind_a_lie(lab: &mut Lab) {
    let before = resident_bytes();
    let peak = pour(lab, 256).await;
    let grown = peak.saturating_sub(before);
    println!("256 MiB poured: resident memory grew by {} KiB", grown / 1024);
    assert!(grown <= 1024 * 1024, "resident memory grew by {grown} bytes");
}

/// Returns the greatest resident memory seen.
async fn pour(lab: &mut Lab, mebibytes: usize) -> usize {
    let (mut peer, mut leg) = lab.dial().await;
    peer.write(&header(0x81, 1 << 40)).await;
    let pouring = async {
        let block = vec![0x55; 64 * 1024];
        let mut peak = resident_bytes();
        for _ in 0..mebibytes * 16 {
            // The server ends the connection long before all of it is out.
            if peer.stream.write_all(&block).await.is_err() {
                break;
            }
            peak = peak.max(resident_bytes());
        }
        peak
    };
    let call = async {
        assert_eq!(hear(&mut leg).await, FromLeg::Closed { code: 1009 });
        drop(leg);
    };
    let (peak, ()) =
        timeout(2 * PATIENCE, async { tokio::join!(pouring, call) }).await.expect("the end of the pouring");
    lab.wait_for("the leg's end", PATIENCE, |tally| tally.live() == 0).await;
    peak.max(resident_bytes())
}

/// Every ping wants a pong, and this peer reads none: it is slowed down, and nothing piles up.
async fn pings_that_nobody_reads(lab: &mut Lab) {
    let (mut peer, leg) = lab.dial_narrow().await;
    let before = resident_bytes();
    let pings = frame(0x89, &[b'?'; 125]).repeat(500);
    let mut sent = 0;
    while timeout(Duration::from_millis(300), peer.stream.write_all(&pings)).await.is_ok() {
        sent += pings.len();
        assert!(sent < 64 * 1024 * 1024, "64 MiB of pings were taken");
    }
    let grown = resident_bytes().saturating_sub(before);
    println!("{} KiB of pings taken: resident memory grew by {} KiB", sent / 1024, grown / 1024);
    assert!(grown <= 1024 * 1024, "resident memory grew by {grown} bytes");
    drop(leg);
    lab.wait_for("the leg's end", PATIENCE, |tally| tally.live() == 0).await;
}

/// One unmasked frame, after which the peer keeps its side open: one error, and no load.
async fn one_bad_frame(lab: &mut Lab) {
    let (mut peer, mut leg) = lab.dial().await;
    let ticks = cpu_ticks();
    let began = Instant::now();
    peer.write(&[0x81, 2, b'h', b'i']).await;
    peer.expect_close(1002).await;
    assert_eq!(hear(&mut leg).await, FromLeg::Closed { code: 1002 });
    // The time is part of what is measured: a storm would burn it.
    sleep(Duration::from_secs(1).saturating_sub(began.elapsed())).await;
    let burnt = cpu_ticks() - ticks;
    println!("one bad frame: {} ms of processor time in a second", burnt * 10);
    assert!(burnt <= 20, "{burnt} ticks of 10 ms");
    assert_eq!(lab.tally.ended(LegEnding::ProtocolViolation), 1);
}

/// 1000 legs that die in five ways and 300 handshakes that are cut: descriptors and memory come back.
async fn storms(lab: &mut Lab) {
    storm(lab, 100).await;
    let (files, memory) = (descriptors(), resident_bytes());
    storm(lab, 1000).await;
    for n in 0..300 {
        let mut peer = lab.connect().await;
        let handshake = handshake("dGhlIHNhbXBsZSBub25jZQ==", "13");
        peer.write(&handshake.as_bytes()[..n % handshake.len()]).await;
    }
    let give_up = Instant::now() + PATIENCE;
    while descriptors() > files {
        assert!(Instant::now() < give_up, "{} descriptors, {files} before", descriptors());
        sleep(Duration::from_millis(5)).await;
    }
    let grown = resident_bytes().saturating_sub(memory);
    println!("1000 legs and 300 cut handshakes: {files} descriptors as before, {} KiB more", grown / 1024);
    assert!(grown <= 2 * 1024 * 1024, "resident memory grew by {grown} bytes");
}

async fn storm(lab: &mut Lab, legs: usize) {
    for n in 0..legs {
        let (mut peer, mut leg) = lab.dial().await;
        match n % 5 {
            0 => drop(peer),
            1 => drop(leg),
            2 => peer.write(&[0x81, 2, b'h', b'i']).await,
            3 => peer.send(0x88, &[3, 232]).await,
            _ => {
                peer.text("hello").await;
                assert_eq!(hear(&mut leg).await, FromLeg::Text("hello".into()));
            }
        }
    }
    lab.wait_for("all legs' ends", PATIENCE, |tally| tally.live() == 0).await;
}
