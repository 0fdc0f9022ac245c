//! Voice detection as calls use it: behind its desk, with pieces of 20 ms.

use std::time::Duration;

use crate::common::{ask, bare_engines, caller_says, engines, models, over_the_line};
use operetta_audio::Resampler;
use operetta_contract::{Detect, Voice};
use operetta_local::{
    flite::FliteVoice,
    silero::{Debounce, Edge, RATE_HZ, Silero, WINDOW, WINDOW_MS},
};
use operetta_stage::{Playbill, Policy, Supervisor};
use tokio::time::timeout;

const JOB: Detect = Detect { rate_hz: 8_000, threshold_percent: 50, min_speech_ms: 64, min_silence_ms: 300 };
const SOON: Duration = Duration::from_secs(30);

#[actix_rt::test]
async fn speech_begins_and_ends_once() {
    let speech = caller_says("I would like to book an appointment for tomorrow morning.", FliteVoice::Kal);
    for engines in [engines(), bare_engines()] {
        let bill = Playbill::new("test");
        let worker = engines.clone();
        let desk = Supervisor::start::<Detect, _>(Policy::default(), &bill, move || worker.detector());
        let mut asked = ask(&desk, JOB, &bill);
        // Twice: what ended once begins again.
        for _ in 0..2 {
            for piece in speech.chunks(800) {
                asked.lease.feed(piece.to_vec()).unwrap();
            }
            asked.lease.feed(Vec::new()).unwrap();
            assert_eq!(timeout(SOON, asked.events.recv()).await.unwrap(), Some(Voice::Began), "{engines:?}");
            assert_eq!(timeout(SOON, asked.events.recv()).await.unwrap(), Some(Voice::Ended), "{engines:?}");
        }
    }
}

/// A line sound at the detector's rate.
fn wide(sound: &[i16]) -> Vec<i16> {
    let mut wide = Vec::new();
    let mut resampler = Resampler::new(8_000, RATE_HZ).unwrap();
    resampler.push(sound, &mut wide);
    resampler.flush(&mut wide);
    wide
}

/// The edges in a line sound, each with the end of its window in ms.
fn edges(silero: &Silero, sound: &[i16]) -> Vec<(u32, Edge)> {
    let wide = wide(sound);
    let (mut stream, mut debounce) = (silero.stream(), Debounce::new(0.5, JOB.min_speech_ms, JOB.min_silence_ms));
    let windows = wide.as_chunks::<WINDOW>().0.iter();
    windows
        .zip(1_u32..)
        .filter_map(|(window, n)| {
            let probability = silero.judge(&mut stream, &window.map(|sample| f32::from(sample) / 32_768.0)).unwrap();
            Some((n * WINDOW_MS, debounce.window(probability)?))
        })
        .collect()
}

#[test]
fn nothing_begins_on_other_sounds() {
    let silero = Silero::load(&models().join("silero")).unwrap();
    let sine = |hz: f32, n: u32| (2.0 * std::f32::consts::PI * hz * n as f32 / 8_000.0).sin();
    let wave = |f: &dyn Fn(u32) -> f32| -> Vec<i16> { (0..40_000).map(|n| (f(n) * 9_000.0) as i16).collect() };
    let mut state = 7_u32;
    let mut dice = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16
    };
    let noise: Vec<i16> = (0..40_000).map(|_| dice() / 16).collect();
    let clicks: Vec<i16> = (0..40_000).map(|n| if n % 4_000 < 20 { dice() / 2 } else { 0 }).collect();
    let chord = |n: u32| {
        let root = [220.0, 261.6, 196.0, 246.9][(n / 8_000) as usize % 4];
        [1.0, 1.26, 1.5].iter().map(|ratio| sine(root * ratio, n)).sum::<f32>() / 3.0
            * (1.0 - (n % 4_000) as f32 / 5_000.0)
    };
    for (name, sound) in [
        ("440 Hz", wave(&|n| sine(440.0, n))),
        (
            "ring-back 400 and 450 Hz",
            wave(&|n| if n % 12_000 < 8_000 { f32::midpoint(sine(400.0, n), sine(450.0, n)) } else { 0.0 }),
        ),
        ("DTMF 5", wave(&|n| if n % 2_000 < 1_000 { f32::midpoint(sine(770.0, n), sine(1_336.0, n)) } else { 0.0 })),
        ("chords", wave(&chord)),
        ("white noise", noise),
        ("clicks", clicks),
    ] {
        assert_eq!(edges(&silero, &over_the_line(&sound)), [], "{name}");
    }
}

#[test]
fn both_sets_of_weights_hear_the_same() {
    let speech = caller_says("Can I come in tomorrow at ten?", FliteVoice::Kal);
    let (shared, bundled) = (Silero::load(&models().join("silero")).unwrap(), Silero::bundled());
    let (mut one, mut other) = (shared.stream(), bundled.stream());
    let mut loud = 0;
    for window in wide(&speech).as_chunks::<WINDOW>().0 {
        let window = window.map(|sample| f32::from(sample) / 32_768.0);
        let (a, b) = (shared.judge(&mut one, &window).unwrap(), bundled.judge(&mut other, &window).unwrap());
        assert!((a - b).abs() < 0.002, "{a} and {b}");
        loud += u32::from(a > 0.9);
    }
    assert!(loud > 20, "{loud}");
    // A stream that has forgotten hears the beginning as a new one does.
    Silero::forget(&mut one);
    let first = wide(&speech).as_chunks::<WINDOW>().0[12].map(|sample| f32::from(sample) / 32_768.0);
    let fresh = shared.judge(&mut shared.stream(), &first).unwrap();
    assert_eq!(shared.judge(&mut one, &first).unwrap().to_bits(), fresh.to_bits());
    assert!(shared.judge(&mut other, &first).is_err(), "a stream of the other network");
}

#[actix_rt::test]
async fn the_first_word_is_noticed_at_once() {
    let engines = engines();
    let bill = Playbill::new("test");
    let desk = Supervisor::start::<Detect, _>(Policy::default(), &bill, move || engines.detector());
    let mut asked = ask(&desk, JOB, &bill);
    let speech = caller_says("Good morning, how are you today?", FliteVoice::Kal);
    // The first sample that is loud, not the first of the recording.
    let onset = speech.iter().position(|sample| sample.unsigned_abs() > 800).unwrap();
    let enough = onset + 8 * 150;
    for piece in speech[..enough].chunks(160) {
        asked.lease.feed(piece.to_vec()).unwrap();
    }
    let voice = timeout(SOON, asked.events.recv()).await.unwrap();
    assert_eq!(voice, Some(Voice::Began), "150 ms after the onset");
}

#[actix_rt::test]
async fn a_closed_gate_ends_speech_in_its_time() {
    let engines = engines();
    let bill = Playbill::new("test");
    let desk = Supervisor::start::<Detect, _>(Policy::default(), &bill, move || engines.detector());
    let mut asked = ask(&desk, JOB, &bill);
    let speech = caller_says("Good morning, how are you today?", FliteVoice::Kal);
    let voiced = &speech[..speech.len() - 4_000];
    for piece in voiced.chunks(160) {
        asked.lease.feed(piece.to_vec()).unwrap();
    }
    assert_eq!(timeout(SOON, asked.events.recv()).await.unwrap(), Some(Voice::Began));
    let closed = tokio::time::Instant::now();
    asked.lease.feed(Vec::new()).unwrap();
    assert_eq!(timeout(SOON, asked.events.recv()).await.unwrap(), Some(Voice::Ended));
    assert!(closed.elapsed() >= Duration::from_millis(100), "ended {:?} after the gate closed", closed.elapsed());
    // The next word begins a new stretch.
    for piece in speech.chunks(160) {
        asked.lease.feed(piece.to_vec()).unwrap();
    }
    assert_eq!(timeout(SOON, asked.events.recv()).await.unwrap(), Some(Voice::Began));
}

#[actix_rt::test]
async fn a_rate_that_no_carrier_has_is_refused() {
    let engines = bare_engines();
    let bill = Playbill::new("test");
    let desk = Supervisor::start::<Detect, _>(Policy::default(), &bill, move || engines.detector());
    let mut asked = ask(&desk, Detect { rate_hz: 44_100, ..JOB }, &bill);
    let voice = timeout(SOON, asked.events.recv()).await.unwrap();
    assert!(matches!(voice, Some(Voice::Failed(_))), "{voice:?}");
}
