//! Measures what the embedded engines cost on this machine:
//! `cargo run --release -p operetta-local --example figures [models]`.
//!
//! CPU times are those of the one thread that does the work (Linux: /proc/thread-self/schedstat), an average; loading shows
//! only the thread that waits for it. Wall times are what a caller would wait, at best.
#![expect(clippy::print_stdout, reason = "it is a report")]
#![expect(clippy::disallowed_methods, reason = "it measures real time, outside of the engine")]

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use operetta_contract::{Hearing, JobId, Transcribe, Transcript};
use operetta_local::{
    Config, Engines,
    flite::{Flite, FliteVoice},
    hibari::Hibari,
    moonshine::{self, Moonshine},
    silero::{Silero, WINDOW},
};
use operetta_stage::{Kind, Metered, Playbill, Policy, Supervisor, Told};
use rten::ThreadPool;

const RUNS: usize = 20;
const SENTENCE: &str = "I would like to book an appointment for tomorrow morning.";

fn main() -> Result<(), Box<dyn Error>> {
    let models = std::env::args().nth(1).map_or_else(|| PathBuf::from("models"), PathBuf::from);
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    println!("{:<44} {:>9} {:>9}", "", "CPU ms", "wall ms");
    let speech = text_to_speech(&models, &pool)?;
    recognition(&models, &pool, &speech)?;
    detection(&models, &pool, &speech)?;
    actix::System::new().block_on(lateness(&models))
}

fn text_to_speech(models: &Path, pool: &Arc<ThreadPool>) -> Result<Vec<i16>, Box<dyn Error>> {
    let hibari = timed("hibari: load", || Hibari::load(&models.join("hibari")))?;
    let flite = timed("flite: load", || Ok::<_, Box<dyn Error>>(Flite::new()))?;
    let mut seconds = 0.0;
    for rate_hz in [8_000, 24_000] {
        let cost = best(pool, || {
            hibari.speak(SENTENCE, rate_hz, 1, pool).map(|speech| seconds = speech.len() as f32 / rate_hz as f32)
        })?;
        show(&format!("hibari: a sentence of {seconds:.1} s at {rate_hz} Hz"), cost);
    }
    let cost = best(pool, || hibari.speak("Good morning.", 8_000, 1, pool).map(drop))?;
    show("hibari: first audio of \"Good morning.\"", cost);
    let mut speech = Vec::new();
    for (name, voice) in [("kal", FliteVoice::Kal), ("kal16", FliteVoice::Kal16)] {
        let cost = best(pool, || flite.speak(SENTENCE, voice, 8_000).map(|samples| speech = samples))?;
        show(&format!("{name}: the same sentence at 8000 Hz"), cost);
    }
    Ok(speech)
}

fn recognition(models: &Path, pool: &Arc<ThreadPool>, speech: &[i16]) -> Result<(), Box<dyn Error>> {
    let moonshine = timed("Moonshine: load", || Moonshine::load(&models.join("moonshine-tiny")))?;
    let audio = wide(speech)?;
    let seconds = audio.len() as f32 / moonshine::RATE_HZ as f32;
    let cost = best(pool, || moonshine.transcribe(&audio, pool).map(drop))?;
    show(&format!("Moonshine: an utterance of {seconds:.1} s"), cost);
    Ok(())
}

fn detection(models: &Path, pool: &Arc<ThreadPool>, speech: &[i16]) -> Result<(), Box<dyn Error>> {
    let audio = wide(speech)?;
    let seconds = audio.len() as f64 / 16_000.0;
    for (name, silero) in [("model file", Silero::load(&models.join("silero"))?), ("in the binary", Silero::bundled())]
    {
        let mut stream = silero.stream();
        let cost = best(pool, || {
            audio.as_chunks::<WINDOW>().0.iter().try_for_each(|window| silero.judge(&mut stream, window).map(drop))
        })?;
        show(&format!("Silero, {name}: one second of speech"), (cost.0 / seconds, cost.1 / seconds));
    }
    Ok(())
}

/// How late a lane's timers are while all threads of recognition are busy.
async fn lateness(models: &Path) -> Result<(), Box<dyn Error>> {
    let engines = Engines::start(&Config { models: Some(models.to_owned()), ..Config::default() })?;
    println!("memory of this process with everything loaded: {} MB", resident_kb() / 1_000);
    let bill = Playbill::new("figures");
    let worker = engines.clone();
    let desk = Supervisor::start::<Transcribe, _>(Policy::default(), &bill, move || worker.listener());
    let speech = Flite::new().speak(SENTENCE, FliteVoice::Kal, 8_000)?;
    for (name, callers) in [("idle", 0), ("busy with recognition", 16_u32)] {
        let (asker, _) = Metered::run(Counter(0), 256, &bill);
        let mut leases = Vec::new();
        for id in 0..callers {
            let lease = desk.ask(
                JobId(id),
                Transcribe { language: "en".into(), rate_hz: 8_000 },
                asker.downgrade().recipient(),
            )?;
            for flush in 0..8 {
                for piece in speech.chunks(1_600) {
                    lease.feed(Hearing::Samples(piece.to_vec()))?;
                }
                lease.feed(Hearing::Flush(flush))?;
            }
            leases.push(lease);
        }
        let mut late = Vec::new();
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..200 {
            let due = ticks.tick().await;
            late.push(due.elapsed().as_secs_f32() * 1_000.0);
        }
        late.sort_by(f32::total_cmp);
        println!(
            "a lane's 20 ms timer, {name}: late by p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms",
            late[100], late[197], late[199]
        );
    }
    Ok(())
}

struct Counter(u32);

impl Kind for Counter {
    const KIND: &'static str = "counter";
}

impl actix::Actor for Counter {
    type Context = Metered<Self>;
}

impl actix::Handler<Told<Transcribe>> for Counter {
    type Result = ();

    fn handle(&mut self, told: Told<Transcribe>, _: &mut Self::Context) {
        self.0 += u32::from(matches!(told.event, Transcript::Final { .. }));
    }
}

fn wide(speech: &[i16]) -> Result<Vec<f32>, Box<dyn Error>> {
    let mut resampler = operetta_audio::Resampler::new(8_000, moonshine::RATE_HZ)?;
    let mut out = Vec::new();
    resampler.push(speech, &mut out);
    resampler.flush(&mut out);
    Ok(out.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect())
}

/// CPU time of a run on average and wall time of the quickest, on the pool's thread, in ms.
fn best<E: Send>(pool: &ThreadPool, mut work: impl FnMut() -> Result<(), E> + Send) -> Result<(f64, f64), E> {
    pool.run(|| {
        let (from, mut wall) = (cpu_ms(), f64::MAX);
        for _ in 0..RUNS {
            let start = Instant::now();
            work()?;
            wall = wall.min(start.elapsed().as_secs_f64() * 1_000.0);
        }
        Ok(((cpu_ms() - from) / RUNS as f64, wall))
    })
}

fn timed<T, E>(name: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let (from, start) = (cpu_ms(), Instant::now());
    let value = work()?;
    show(name, (cpu_ms() - from, start.elapsed().as_secs_f64() * 1_000.0));
    Ok(value)
}

fn show(name: &str, (cpu, wall): (f64, f64)) {
    println!("{name:<44} {cpu:>9.2} {wall:>9.2}");
}

/// Memory of this process; 0 where the system does not tell.
fn resident_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

/// CPU time of this thread so far; 0 where the system does not tell.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: u64 = text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0);
    nanos as f64 / 1e6
}
