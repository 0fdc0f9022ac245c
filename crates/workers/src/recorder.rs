use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use hound::{SampleFormat, WavSpec, WavWriter};
use operetta_audio::{Encoding, g711};

/// Writes the recordings of all calls, on a thread of its own: stereo WAV, the caller left, the agent right as it was
/// played. The header of a file is right after every block, so a recording that is cut short by the death of the process
/// is whole up to its last block.
///
/// No call ever waits for it. When it cannot keep up, blocks are dropped and counted, and the recording has silence there.
#[derive(Clone, Debug)]
pub struct Recorder {
    orders: SyncSender<Order>,
    counts: Arc<Counts>,
    folder: Arc<Path>,
}

/// How the recorder has fared since it started. All counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderCounts {
    /// Recordings closed with everything in them.
    pub stored: u64,
    /// Recordings closed with dropped blocks in them.
    pub partial: u64,
    /// Recordings that could not be opened or written on.
    pub failed: u64,
    /// Blocks dropped because the writer could not keep up.
    pub dropped_blocks: u64,
}

#[derive(Debug, Default)]
struct Counts {
    next: AtomicU64,
    stored: AtomicU64,
    partial: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    /// Tapes whose close found no room since the writer last looked.
    orphans: AtomicU64,
}

impl Recorder {
    /// How many blocks may wait for the disk: at half a second a block, 2 s of 500 calls.
    const BLOCKS: usize = 2048;

    /// Starts the writer. Recordings go to `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made or the thread cannot be started.
    pub fn start(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (orders, inbox) = sync_channel(Self::BLOCKS);
        let counts = Arc::new(Counts::default());
        let mut writer = Writer { tapes: HashMap::new(), counts: Arc::clone(&counts) };
        thread::Builder::new().name("recorder".into()).spawn(move || writer.run(&inbox))?;
        Ok(Self { orders, counts, folder: folder.into() })
    }

    /// Opens a recording named `name`, which must be a file name of our own making, never a platform's id.
    pub fn open(&self, name: &str, rate_hz: u32) -> Tape {
        let id = self.counts.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(name).with_extension("wav");
        let closed = Arc::new(AtomicBool::new(false));
        let (orders, counts) = (self.orders.clone(), Arc::clone(&self.counts));
        let tape = Tape { id, path: path.clone(), orders, counts, closed: Arc::clone(&closed), lost: 0 };
        if !tape.send(Order::Open { id, path, rate_hz, closed }) {
            self.counts.failed.fetch_add(1, Ordering::Relaxed);
            tracing::error!("a recording cannot be opened: the writer has fallen behind");
        }
        tape
    }

    /// Waits until everything recorded so far is on disk, and no longer than `patience`. For the end of the process.
    pub fn finish(&self, patience: Duration) {
        let (done, finished) = sync_channel(1);
        if self.orders.try_send(Order::Finish(done)).is_ok() {
            // Whether it was in time changes nothing any more.
            let _ = finished.recv_timeout(patience);
        }
    }

    /// How it has fared so far.
    pub fn counts(&self) -> RecorderCounts {
        RecorderCounts {
            stored: self.counts.stored.load(Ordering::Relaxed),
            partial: self.counts.partial.load(Ordering::Relaxed),
            failed: self.counts.failed.load(Ordering::Relaxed),
            dropped_blocks: self.counts.dropped.load(Ordering::Relaxed),
        }
    }
}

/// The recording of one call. Dropping it closes the file.
#[derive(Debug)]
pub struct Tape {
    id: u64,
    path: PathBuf,
    orders: SyncSender<Order>,
    counts: Arc<Counts>,
    closed: Arc<AtomicBool>,
    lost: u64,
}

impl Tape {
    /// Where the recording is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a block that begins `from` samples after the start: the caller's samples, and the agent's audio in its wire
    /// encoding. The shorter side is filled with silence.
    pub fn write(&mut self, from: u64, caller: Vec<i16>, agent: Vec<u8>, encoding: Encoding) {
        if !self.send(Order::Block { id: self.id, from, caller, agent, encoding }) {
            self.lost += 1;
        }
    }

    fn send(&self, order: Order) -> bool {
        match self.orders.try_send(order) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        if !self.send(Order::Close { id: self.id, partial: self.lost > 0 }) {
            // The writer looks for such tapes when it has caught up, so no file stays open behind a slow disk.
            self.counts.orphans.fetch_add(1, Ordering::Release);
        }
    }
}

#[derive(Debug)]
enum Order {
    Open {
        id: u64,
        path: PathBuf,
        rate_hz: u32,
        closed: Arc<AtomicBool>,
    },
    Block {
        id: u64,
        from: u64,
        caller: Vec<i16>,
        agent: Vec<u8>,
        encoding: Encoding,
    },
    Close {
        id: u64,
        partial: bool,
    },
    /// To be answered when everything before it is done.
    Finish(SyncSender<()>),
}

struct Writer {
    tapes: HashMap<u64, OpenTape>,
    counts: Arc<Counts>,
}

struct OpenTape {
    wav: WavWriter<BufWriter<File>>,
    written: u64,
    /// Whether its call has let go of it.
    closed: Arc<AtomicBool>,
}

impl Writer {
    fn run(&mut self, inbox: &Receiver<Order>) {
        let mut agent_samples = Vec::new();
        while let Ok(order) = inbox.recv() {
            match order {
                Order::Open { id, path, rate_hz, closed } => self.open(id, &path, rate_hz, closed),
                Order::Block { id, from, caller, agent, encoding } => {
                    agent_samples.clear();
                    g711::decode_into(encoding, &agent, &mut agent_samples);
                    self.write(id, from, &caller, &agent_samples);
                }
                Order::Close { id, partial } => self.close(id, partial),
                // Who asked may have lost patience.
                Order::Finish(done) => drop(done.try_send(())),
            }
            if self.counts.orphans.swap(0, Ordering::Acquire) > 0 {
                self.close_orphans();
            }
        }
    }

    fn close_orphans(&mut self) {
        let closed = self.tapes.iter().filter(|(_, tape)| tape.closed.load(Ordering::Acquire));
        let closed: Vec<u64> = closed.map(|(id, _)| *id).collect();
        for id in closed {
            self.close(id, true);
        }
    }

    fn open(&mut self, id: u64, path: &Path, rate_hz: u32, closed: Arc<AtomicBool>) {
        let spec = WavSpec { channels: 2, sample_rate: rate_hz, bits_per_sample: 16, sample_format: SampleFormat::Int };
        // The header goes to the file at once, so that there is no time at which it is none.
        let created = WavWriter::create(path, spec).and_then(|mut wav| wav.flush().map(|()| wav));
        match created {
            Ok(wav) => {
                self.tapes.insert(id, OpenTape { wav, written: 0, closed });
            }
            Err(error) => self.fail(id, &error),
        }
    }

    fn write(&mut self, id: u64, from: u64, caller: &[i16], agent: &[i16]) {
        let Some(tape) = self.tapes.get_mut(&id) else { return };
        if let Err(error) = tape.write(from, caller, agent) {
            self.fail(id, &error);
        }
    }

    fn close(&mut self, id: u64, partial: bool) {
        let Some(tape) = self.tapes.remove(&id) else { return };
        match tape.wav.finalize() {
            Ok(()) if partial => self.counts.partial.fetch_add(1, Ordering::Relaxed),
            Ok(()) => self.counts.stored.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                self.fail(id, &error);
                0
            }
        };
    }

    /// The call goes on without its recording.
    fn fail(&mut self, id: u64, error: &hound::Error) {
        self.tapes.remove(&id);
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "a recording cannot be written");
    }
}

impl OpenTape {
    /// Lost blocks become silence, but never more than this at a time: an hour of 24 kHz.
    const LONGEST_GAP: u64 = 24_000 * 3600;

    fn write(&mut self, from: u64, caller: &[i16], agent: &[i16]) -> hound::Result<()> {
        let gap = from.saturating_sub(self.written).min(Self::LONGEST_GAP);
        for _ in 0..gap * 2 {
            self.wav.write_sample(0_i16)?;
        }
        let samples = caller.len().max(agent.len());
        for index in 0..samples {
            self.wav.write_sample(caller.get(index).copied().unwrap_or(0))?;
            self.wav.write_sample(agent.get(index).copied().unwrap_or(0))?;
        }
        self.written += gap + samples as u64;
        self.wav.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    /// Waits for the writer, which is a thread, until `path` holds `samples` samples of each side.
    fn read_when(path: &Path, samples: usize) -> Vec<(i16, i16)> {
        let deadline = SystemTime::now() + Duration::from_secs(10);
        loop {
            let found = hound::WavReader::open(path).map(|wav| wav.into_samples::<i16>().flatten().collect::<Vec<_>>());
            match found {
                Ok(found) if found.len() >= samples * 2 => {
                    return found.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
                }
                Ok(_) | Err(_) => assert!(SystemTime::now() < deadline, "the recording never came"),
            }
            thread::yield_now();
        }
    }

    #[test]
    fn sides_stand_side_by_side_and_what_is_missing_is_silence() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(&folder.path().join("made/here")).unwrap();
        let mut tape = recorder.open("one", 8000);
        assert_eq!(read_when(tape.path(), 0), [], "it can be read before anything is in it");
        tape.write(0, vec![1, 2, 3], vec![10, 0, 20, 0], Encoding::Pcm16);
        tape.write(5, vec![4], vec![30, 0, 40, 0], Encoding::Pcm16);
        let whole = [(1, 10), (2, 20), (3, 0), (0, 0), (0, 0), (4, 30), (0, 40)];
        // The header is right while the call still goes on: nothing more may be needed to read it.
        assert_eq!(read_when(tape.path(), whole.len()), whole);
        drop(tape);
        let deadline = SystemTime::now() + Duration::from_secs(10);
        while recorder.counts().stored == 0 {
            assert!(SystemTime::now() < deadline);
            thread::yield_now();
        }
        assert_eq!(recorder.counts(), RecorderCounts { stored: 1, ..RecorderCounts::default() });
    }

    #[test]
    fn a_tape_whose_close_found_no_room_is_closed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        // Nobody takes the orders yet: a disk that hangs.
        let (orders, inbox) = sync_channel(2);
        let counts = Arc::new(Counts::default());
        let recorder = Recorder { orders, counts: Arc::clone(&counts), folder: folder.path().into() };
        let mut tape = recorder.open("one", 8000);
        tape.write(0, vec![1], vec![2, 0], Encoding::Pcm16);
        drop(tape);
        drop(recorder.open("two", 8000));
        drop(recorder);
        let mut writer = Writer { tapes: HashMap::new(), counts: Arc::clone(&counts) };
        writer.run(&inbox);
        assert_eq!(writer.tapes.len(), 0, "a file was left open");
        let (partial, failed) = (counts.partial.load(Ordering::Relaxed), counts.failed.load(Ordering::Relaxed));
        assert_eq!((partial, failed), (1, 1), "one lost its end, one was never opened");
    }

    #[test]
    fn at_the_end_of_the_process_the_last_block_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(folder.path()).unwrap();
        let mut tape = recorder.open("last", 8000);
        tape.write(0, vec![1; 80_000], vec![], Encoding::Pcm16);
        drop(tape);
        recorder.finish(Duration::from_secs(10));
        assert_eq!(recorder.counts(), RecorderCounts { stored: 1, ..RecorderCounts::default() });
    }

    #[test]
    fn a_recording_that_cannot_be_written_fails_alone() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(folder.path()).unwrap();
        fs::create_dir(folder.path().join("taken.wav")).unwrap();
        let mut bad = recorder.open("taken", 8000);
        bad.write(0, vec![1], vec![], Encoding::Pcm16);
        let mut good = recorder.open("free", 8000);
        good.write(0, vec![7], vec![0xFF], Encoding::Mulaw);
        assert_eq!(read_when(good.path(), 1), [(7, 0)]);
        assert_eq!(recorder.counts().failed, 1);
    }
}
