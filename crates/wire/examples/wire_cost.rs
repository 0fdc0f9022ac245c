//! What a media frame costs, in and out, base64 included. `cargo run --release -p operetta-wire --example wire_cost`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement prints and reads the clock"
)]

use std::{hint::black_box, time::Instant};

use operetta_wire::{Dialect, Heard, Line, Say};

const FRAMES: usize = 20_000;

/// Best of five, in nanoseconds per frame.
fn measure(name: &str, mut work: impl FnMut()) {
    let best = (0..6)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..FRAMES {
                work();
            }
            began.elapsed()
        })
        .skip(1)
        .min()
        .unwrap_or_default();
    println!("{name:<28} {:>7} ns", best.as_nanos() / FRAMES as u128);
}

fn main() {
    let exotel = r#"{"event":"start","stream_sid":"00000000000000000000000000000c01"}"#;
    let twilio = r#"{"event":"start","streamSid":"MZ000000000000000000000000000000c1"}"#;
    for (line, start, bytes) in
        [(Line::twilio(), twilio, 160), (Line::exotel(), exotel, 320), (Line::exotel(), exotel, 3200)]
    {
        let mut dialect = Dialect::new(line);
        let (mut audio, mut out) = (Vec::new(), String::new());
        dialect.decode(start, &mut audio).unwrap();
        let frame: Vec<u8> = (0..bytes).map(|index| (index * 7 % 256) as u8).collect();
        measure(&format!("{} out, {bytes} B", line.carrier), || {
            dialect.encode(Say::Media(black_box(&frame)), &mut out).unwrap();
        });
        // What the carrier sends has counters and a track too.
        let payload = out.split(r#""payload":"#).nth(1).unwrap();
        let payload = &payload[..payload.len() - 2];
        let text = match line.carrier {
            operetta_wire::Carrier::Exotel => format!(
                r#"{{"event":"media","sequence_number":"7","stream_sid":"00000000000000000000000000000c01","media":{{"chunk":"5","timestamp":"100","payload":{payload}}}}}"#
            ),
            operetta_wire::Carrier::Twilio => format!(
                r#"{{"event":"media","sequenceNumber":"7","media":{{"track":"inbound","chunk":"5","timestamp":"100","payload":{payload}}},"streamSid":"MZ000000000000000000000000000000c1"}}"#
            ),
        };
        measure(&format!("{} in, {bytes} B", line.carrier), || {
            assert_eq!(dialect.decode(black_box(&text), &mut audio), Ok(Heard::Media));
        });
        assert_eq!(audio, frame);
    }
}
