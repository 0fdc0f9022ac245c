//! The phrase book between threads, and between processes.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::{
    fs,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::future::join_all;
use operetta_audio::{Encoding, Format};
use operetta_contract::{Speech, Synthesize};
use operetta_workers::{
    PhraseBook, PhraseConfig, PhraseCounts,
    relay::{Fetched, Keep, Shelf as _},
};

/// Longer than anything here takes.
const EVER: Duration = Duration::from_secs(20);

fn phrase(text: &str) -> Synthesize {
    Synthesize {
        text: text.into(),
        voice: "asha".into(),
        language: "en-IN".into(),
        format: Format::PCM16_8K,
        fixed: true,
    }
}

fn book(config: &PhraseConfig) -> PhraseBook {
    PhraseBook::start(&PhraseConfig { patience: EVER, ..config.clone() }).unwrap()
}

/// Fetches what must be there, as one piece.
async fn found(book: &PhraseBook, job: &Synthesize) -> Vec<u8> {
    match book.fetch("a/1", job).await {
        Fetched::Found(events) => audio(&events),
        Fetched::Render(_) => panic!("not there"),
        Fetched::Nothing => panic!("nothing"),
    }
}

/// Fetches what must not be there.
async fn missing(book: &PhraseBook, job: &Synthesize) -> Box<dyn Keep<Synthesize>> {
    match book.fetch("a/1", job).await {
        Fetched::Render(keep) => keep,
        Fetched::Found(_) => panic!("it was there"),
        Fetched::Nothing => panic!("nothing"),
    }
}

fn audio(events: &[Speech]) -> Vec<u8> {
    let (last, pieces) = events.split_last().unwrap();
    assert_eq!(last, &Speech::Done);
    let bytes = |event: &Speech| match event {
        Speech::Audio(piece) => piece.to_vec(),
        other => panic!("{other:?}"),
    };
    pieces.iter().flat_map(bytes).collect()
}

fn render(mut keep: Box<dyn Keep<Synthesize>>, audio: &[u8]) {
    for piece in audio.chunks(7) {
        keep.heard(&Speech::Audio(piece.into()));
    }
    keep.done();
}

#[test]
fn of_a_thousand_who_ask_at_once_on_four_threads_one_renders() {
    let book = book(&PhraseConfig::default());
    let (rendered, heard) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let together = Arc::new(Barrier::new(4));
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let (book, rendered, heard, together) =
                (book.clone(), Arc::clone(&rendered), Arc::clone(&heard), Arc::clone(&together));
            thread::spawn(move || {
                actix_rt::System::new().block_on(async move {
                    let job = phrase("Namaste, Asha Clinic.");
                    together.wait();
                    join_all((0..250).map(|_| async {
                        match book.fetch("a/1", &job).await {
                            Fetched::Render(keep) => {
                                rendered.fetch_add(1, Ordering::SeqCst);
                                render(keep, &[1; 16_000]);
                            }
                            Fetched::Found(events) => {
                                assert_eq!(audio(&events), [1; 16_000]);
                                heard.fetch_add(1, Ordering::SeqCst);
                            }
                            Fetched::Nothing => panic!("nothing"),
                        }
                    }))
                    .await;
                });
            })
        })
        .collect();
    for lane in lanes {
        lane.join().unwrap();
    }
    assert_eq!((rendered.load(Ordering::SeqCst), heard.load(Ordering::SeqCst)), (1, 999));
    let counts = book.counts();
    assert_eq!((counts.misses, counts.hits_shared + counts.hits_memory), (1, 999), "{counts:?}");
}

#[actix_rt::test]
async fn when_a_rendering_fails_the_next_one_who_waits_renders() {
    let book = book(&PhraseConfig::default());
    let job = phrase("One moment please.");
    let first = missing(&book, &job).await;
    let fail = async {
        // Polled behind the others, who have asked by then.
        drop(first);
    };
    let wait = async || match book.fetch("a/1", &job).await {
        Fetched::Render(keep) => {
            render(keep, &[2; 80]);
            true
        }
        Fetched::Found(events) => {
            assert_eq!(audio(&events), [2; 80]);
            false
        }
        Fetched::Nothing => panic!("nothing"),
    };
    let (renders, ()) = tokio::join!(join_all((0..20).map(|_| wait())), fail);
    assert_eq!(renders.iter().filter(|renders| **renders).count(), 1);
    assert_eq!(book.counts().misses, 2);
}

#[actix_rt::test]
async fn who_is_to_render_and_vanishes_is_replaced() {
    let book = book(&PhraseConfig::default());
    let job = phrase("Please hold.");
    // The turn comes to somebody whose job was cancelled while it waited.
    let first = missing(&book, &job).await;
    let vanishing = tokio::time::timeout(Duration::from_millis(20), book.fetch("a/1", &job)).await;
    assert!(vanishing.is_err(), "it waited");
    drop(first);
    render(missing(&book, &job).await, &[3; 80]);
    assert_eq!(found(&book, &job).await, [3; 80]);
}

#[actix_rt::test]
async fn nobody_waits_longer_than_for_a_provider() {
    let short = PhraseConfig { patience: Duration::from_millis(50), ..PhraseConfig::default() };
    let book = PhraseBook::start(&short).unwrap();
    let job = phrase("Goodbye.");
    let slow = missing(&book, &job).await;
    assert!(matches!(book.fetch("a/1", &job).await, Fetched::Nothing), "ask for yourself");
    render(slow, &[4; 80]);
    assert_eq!(found(&book, &job).await, [4; 80], "and the next one finds it");
}

#[actix_rt::test]
async fn only_what_is_said_in_many_calls_is_kept() {
    let book = book(&PhraseConfig::default());
    let job = Synthesize { fixed: false, ..phrase("Your number is 42.") };
    assert!(matches!(book.fetch("a/1", &job).await, Fetched::Nothing));
    assert_eq!(book.counts(), PhraseCounts::default());
}

#[actix_rt::test]
async fn whatever_makes_the_sound_makes_the_phrase() {
    let book = book(&PhraseConfig::default());
    let job = phrase("Hello.");
    render(missing(&book, &job).await, &[5; 80]);
    let mulaw = Format { encoding: Encoding::Mulaw, ..job.format };
    let others = [
        Synthesize { text: "Hello!".into(), ..job.clone() },
        Synthesize { voice: "other".into(), ..job.clone() },
        Synthesize { language: "hi-IN".into(), ..job.clone() },
        Synthesize { format: mulaw, ..job.clone() },
        Synthesize { format: Format { rate_hz: 16_000, ..job.format }, ..job.clone() },
        // The same characters, cut elsewhere.
        Synthesize { voice: "ashaen".into(), language: "-IN".into(), ..job.clone() },
    ];
    for other in &others {
        drop(missing(&book, other).await);
    }
    assert!(matches!(book.fetch("a/2", &job).await, Fetched::Render(_)), "another model");
    assert_eq!(found(&book, &job).await, [5; 80]);
}

#[actix_rt::test]
async fn a_phrase_comes_in_pieces_of_a_second_and_nothing_broken_is_kept() {
    let book = book(&PhraseConfig::default());
    let long: Vec<u8> = (0..40_000).map(|at| (at % 251) as u8).collect();
    render(missing(&book, &phrase("long")).await, &long);
    let Fetched::Found(events) = book.fetch("a/1", &phrase("long")).await else { panic!("not there") };
    let lengths: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Speech::Audio(piece) => Some(piece.len()),
            _ => None,
        })
        .collect();
    assert_eq!(lengths, [16_000, 16_000, 8_000]);
    assert_eq!(audio(&events), long);
    for bytes in [0, 81, 5_000_000] {
        render(missing(&book, &phrase("broken")).await, &vec![1; bytes]);
    }
    drop(missing(&book, &phrase("broken")).await);
}

#[actix_rt::test]
async fn memory_is_bounded_and_the_disk_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let config = PhraseConfig {
        memory_bytes: 250,
        folder: Some(folder.path().join("made/here")),
        disk_bytes: 1_000_000,
        ..PhraseConfig::default()
    };
    let earlier = book(&config);
    for number in 0..5_u8 {
        render(missing(&earlier, &phrase(&number.to_string())).await, &[number; 100]);
    }
    earlier.finish(EVER);
    let counts = earlier.counts();
    assert_eq!((counts.entries_memory, counts.bytes_memory, counts.entries_disk), (2, 200, 5), "{counts:?}");
    drop(earlier);

    let later = book(&config);
    assert_eq!(later.counts().entries_disk, 5);
    for _ in 0..2 {
        assert_eq!(found(&later, &phrase("0")).await, [0; 100]);
    }
    let counts = later.counts();
    assert_eq!((counts.hits_disk, counts.hits_memory, counts.misses), (1, 1, 0));

    // One file is damaged while nobody looks.
    let mut files: Vec<_> =
        fs::read_dir(config.folder.as_ref().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let mut bytes = fs::read(file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    }
    assert_eq!(found(&later, &phrase("0")).await, [0; 100], "from memory");
    render(missing(&later, &phrase("1")).await, &[1; 100]);
    later.finish(EVER);
    let counts = later.counts();
    assert_eq!((counts.damaged, counts.misses, counts.entries_disk), (1, 1, 5));
    assert_eq!(found(&book(&config), &phrase("1")).await, [1; 100]);
}

#[test]
fn programs_without_a_lane_put_phrases_in_and_take_them_out() {
    let folder = tempfile::tempdir().unwrap();
    let config = PhraseConfig { folder: Some(folder.path().to_owned()), ..PhraseConfig::default() };
    let book = book(&config);
    let job = phrase("Namaste.");
    assert_eq!(book.get("a/1", &job, EVER), None);
    assert!(!book.store("a/1", &job, &[], EVER), "silence is not worth keeping");
    assert!(book.store("a/1", &job, &[6; 100], EVER));
    assert_eq!(book.get("a/1", &job, EVER), Some(vec![6; 100]));
    // Another process, which was running before.
    let server = PhraseBook::start(&config).unwrap();
    assert!(book.store("a/1", &phrase("new"), &[7; 100], EVER));
    assert_eq!(server.get("a/1", &phrase("new"), EVER), Some(vec![7; 100]));
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(!book.store("a/1", &phrase("more"), &[8; 100], EVER), "the disk is gone");
    assert_eq!(book.counts().unwritten, 1);
    assert_eq!(book.get("a/1", &phrase("more"), EVER), Some(vec![8; 100]), "memory is not");
}
