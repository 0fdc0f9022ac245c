//! What the media path costs: nanoseconds per sample or per frame. `cargo run --release -p operetta-audio --example audio_cost`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement prints and reads the clock"
)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use operetta_audio::{Cut, Encoding, Format, Gate, Next, Playout, Resampler, g711, tone};

/// Best of five, in nanoseconds per unit of `units`.
fn measure(name: &str, unit: &str, units: usize, mut work: impl FnMut()) {
    work();
    let best = (0..5)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .min()
        .unwrap_or_default();
    println!("{name:<34} {:>9.2} ns per {unit}", best.as_nanos() as f64 / units as f64);
}

fn main() {
    let minute = tone::noise(60_000, 8000, -30.0, 1);
    let mut bytes = Vec::new();
    let mut samples = Vec::new();
    for encoding in [Encoding::Mulaw, Encoding::Alaw, Encoding::Pcm16] {
        measure(&format!("encode {encoding:?}"), "sample", minute.len(), || {
            bytes.clear();
            g711::encode_into(encoding, black_box(&minute), &mut bytes);
        });
        measure(&format!("decode {encoding:?}"), "sample", minute.len(), || {
            samples.clear();
            g711::decode_into(encoding, black_box(&bytes), &mut samples);
        });
    }
    measure("gate, 20 ms pieces", "sample", minute.len(), || {
        let mut gate = Gate::new(8000);
        for piece in minute.chunks(160) {
            black_box(gate.push(piece));
        }
    });
    for (from_hz, to_hz) in [(8000, 16_000), (24_000, 8000), (16_000, 8000), (8000, 24_000)] {
        let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
        let minute = tone::noise(60_000, from_hz, -30.0, 1);
        measure(&format!("resample {from_hz} to {to_hz}"), "ms of audio", 60_000, || {
            for piece in minute.chunks(from_hz as usize / 50) {
                samples.clear();
                resampler.push(black_box(piece), &mut samples);
            }
        });
    }
    let cut = Cut { align_bytes: 1, chunk_bytes: 160, first_chunk_bytes: 160, head_ms: 1000, lead_ms: 1000 };
    let second: Arc<[u8]> = vec![7; 8000].into();
    for recorded in [false, true] {
        let mut played = Vec::new();
        measure(&format!("playout, recorded: {recorded}"), "20 ms frame", 3000, || {
            let mut playout = Playout::new(Format::MULAW_8K, cut);
            if recorded {
                playout = playout.recorded();
            }
            let (mut at, mut frame) = (Duration::ZERO, Vec::new());
            while at < Duration::from_mins(1) {
                match playout.poll(at, &mut frame) {
                    Next::Wait(due) => {
                        at = due;
                        played.clear();
                        playout.take_played(at, &mut played);
                    }
                    Next::Idle => playout.push_audio(Arc::clone(&second)).unwrap(),
                    Next::Frame | Next::Mark { .. } => {}
                }
            }
        });
    }
}
