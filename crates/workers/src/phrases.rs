//! Phrases that are said in many calls, rendered once.

mod disk;
mod keeper;
mod lru;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use operetta_audio::Format;
use operetta_contract::{Speech, Synthesize};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use self::keeper::{Keeper, Order, Reply};
use crate::relay::{Fetched, Keep, LocalBoxFuture, Shelf};

/// Keeps phrases that are said in many calls: in memory and, if there is a folder, on disk. Shared by all lanes; cloning is
/// cheap.
///
/// Only jobs that are marked as fixed are kept, so nothing of a conversation ever gets here. A phrase is found by what makes its
/// sound: provider, model and settings, voice, language, text and format. Of those who ask at once for one that is not there,
/// the first renders, and the others wait for it: for a while, and then they are told to ask for themselves. If the rendering
/// fails, the next of them renders.
///
/// One thread owns it all and does the reading and writing; no lane ever waits for the disk. When it cannot keep up, the answer
/// is that there is nothing, and a provider is asked.
#[derive(Clone, Debug)]
pub struct PhraseBook {
    orders: SyncSender<Order>,
    counts: Arc<Counts>,
    patience: Duration,
}

/// What a phrase book may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhraseConfig {
    /// How much audio is kept in memory, in bytes. 64 MiB: two hours of telephone audio.
    pub memory_bytes: u64,
    /// Where phrases outlive the process; made if it is not there. `None`: nowhere.
    pub folder: Option<PathBuf>,
    /// How much the folder may hold, in bytes. 1 GiB.
    pub disk_bytes: u64,
    /// How long somebody waits who wants what another renders, before they are told to render it themselves. 3 s: the relay that
    /// asks goes on to the next provider before, so that a thousand calls do not ask one that is slow all at once.
    pub patience: Duration,
}

impl Default for PhraseConfig {
    fn default() -> Self {
        Self {
            memory_bytes: 64 * 1024 * 1024,
            folder: None,
            disk_bytes: 1024 * 1024 * 1024,
            patience: Duration::from_secs(3),
        }
    }
}

/// How a phrase book has fared since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhraseCounts {
    /// Phrases found in memory.
    pub hits_memory: u64,
    /// Phrases found on disk.
    pub hits_disk: u64,
    /// Phrases that were found because somebody else rendered them just then.
    pub hits_shared: u64,
    /// Phrases that had to be rendered.
    pub misses: u64,
    /// Files that were damaged, and are gone.
    pub damaged: u64,
    /// Phrases that could not be written to disk.
    pub unwritten: u64,
    /// Phrases in memory now.
    pub entries_memory: u64,
    /// Their audio, in bytes.
    pub bytes_memory: u64,
    /// Phrases on disk now, as far as this process knows.
    pub entries_disk: u64,
    /// Their files, in bytes.
    pub bytes_disk: u64,
}

#[derive(Debug, Default)]
struct Counts {
    hits_memory: AtomicU64,
    hits_disk: AtomicU64,
    hits_shared: AtomicU64,
    misses: AtomicU64,
    damaged: AtomicU64,
    unwritten: AtomicU64,
    entries_memory: AtomicU64,
    bytes_memory: AtomicU64,
    entries_disk: AtomicU64,
    bytes_disk: AtomicU64,
}

/// What a phrase is found by.
type Key = [u8; 32];

/// A phrase as it is told: pieces of at most a second.
type Phrase = Arc<[Arc<[u8]>]>;

/// The longest phrase that is kept, in bytes of audio: more than a minute in every format of the house.
const LONGEST: usize = 4 * 1024 * 1024;

impl PhraseBook {
    /// How many orders may wait for the thread.
    const ORDERS: usize = 4096;

    /// Opens the book, with what its folder holds from earlier.
    ///
    /// # Errors
    /// The folder cannot be made or read, or the thread cannot be started.
    pub fn start(config: &PhraseConfig) -> io::Result<Self> {
        let counts = Arc::new(Counts::default());
        let folder = config.folder.as_deref().map(|folder| disk::Disk::open(folder, config.disk_bytes)).transpose()?;
        let mut keeper = Keeper::new(config.memory_bytes, folder, Arc::clone(&counts));
        let (orders, inbox) = sync_channel(Self::ORDERS);
        thread::Builder::new().name("phrases".into()).spawn(move || keeper.run(&inbox))?;
        Ok(Self { orders, counts, patience: config.patience })
    }

    /// The audio of a phrase, in the job's format, if it is there. Waits no longer than `within`, and blocks its thread: for
    /// programs without a lane.
    pub fn get(&self, identity: &str, job: &Synthesize, within: Duration) -> Option<Vec<u8>> {
        let (reply, answer) = sync_channel(1);
        self.orders.try_send(Order::Get { key: key(identity, job), reply }).ok()?;
        let phrase = answer.recv_timeout(within).ok()??;
        Some(phrase.concat())
    }

    /// Keeps the audio of a phrase, whoever rendered it. False when it could not be kept within that time. Blocks its thread.
    pub fn store(&self, identity: &str, job: &Synthesize, audio: &[u8], within: Duration) -> bool {
        let (reply, answer) = sync_channel(1);
        let Some(phrase) = cut(audio, job.format) else { return false };
        let order = Order::Store { key: key(identity, job), phrase, reply };
        self.orders.try_send(order).is_ok() && answer.recv_timeout(within).unwrap_or(false)
    }

    /// Waits until everything kept so far is on disk, and no longer than `patience`. For the end of the process.
    pub fn finish(&self, patience: Duration) {
        let (done, finished) = sync_channel(1);
        if self.orders.try_send(Order::Finish(done)).is_ok() {
            // Whether it was in time changes nothing any more.
            let _ = finished.recv_timeout(patience);
        }
    }

    /// How it has fared so far.
    pub fn counts(&self) -> PhraseCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts {
            hits_memory,
            hits_disk,
            hits_shared,
            misses,
            damaged,
            unwritten,
            entries_memory,
            bytes_memory,
            entries_disk,
            bytes_disk,
        } = &*self.counts;
        PhraseCounts {
            hits_memory: read(hits_memory),
            hits_disk: read(hits_disk),
            hits_shared: read(hits_shared),
            misses: read(misses),
            damaged: read(damaged),
            unwritten: read(unwritten),
            entries_memory: read(entries_memory),
            bytes_memory: read(bytes_memory),
            entries_disk: read(entries_disk),
            bytes_disk: read(bytes_disk),
        }
    }
}

impl Shelf<Synthesize> for PhraseBook {
    fn fetch<'a>(&'a self, identity: &'a str, job: &'a Synthesize) -> LocalBoxFuture<'a, Fetched<Synthesize>> {
        Box::pin(async move {
            if !job.fixed {
                return Fetched::Nothing;
            }
            let key = key(identity, job);
            let (reply, answer) = oneshot::channel();
            if self.orders.try_send(Order::Fetch { key, reply }).is_err() {
                return Fetched::Nothing;
            }
            match tokio::time::timeout(self.patience, answer).await {
                Ok(Ok(Reply::Found(phrase))) => {
                    Fetched::Found(phrase.iter().cloned().map(Speech::Audio).chain([Speech::Done]).collect())
                }
                Ok(Ok(Reply::Render { ticket, life })) => Fetched::Render(Box::new(Pen {
                    orders: self.orders.clone(),
                    key,
                    ticket,
                    format: job.format,
                    audio: Vec::new(),
                    life: Some(life),
                })),
                // Nobody is to wait for a phrase longer than for a provider.
                Ok(Err(_)) | Err(_) => Fetched::Nothing,
            }
        })
    }
}

/// Writes down a rendering.
struct Pen {
    orders: SyncSender<Order>,
    key: Key,
    ticket: u64,
    format: Format,
    audio: Vec<u8>,
    /// While it lives, others wait for this rendering. `None` once the rendering was handed in.
    life: Option<Arc<()>>,
}

impl Keep<Synthesize> for Pen {
    fn heard(&mut self, event: &Speech) {
        if let Speech::Audio(piece) = event
            && self.audio.len() <= LONGEST
        {
            self.audio.extend_from_slice(piece);
        }
    }

    fn done(mut self: Box<Self>) {
        if let Some(phrase) = cut(&self.audio, self.format)
            && let Some(life) = self.life.take()
        {
            // A thread that has no room finds out by the life that ends here.
            let _sooner_or_later =
                self.orders.try_send(Order::Rendered { key: self.key, ticket: self.ticket, phrase, life });
        }
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        if self.life.is_some() {
            // As above.
            let _sooner_or_later = self.orders.try_send(Order::GivenUp { key: self.key, ticket: self.ticket });
        }
    }
}

/// Audio in pieces of a second; `None` when it is not worth keeping: nothing, too much, or half a sample.
fn cut(audio: &[u8], format: Format) -> Option<Phrase> {
    let is_whole = !audio.is_empty() && audio.len() <= LONGEST && audio.len().is_multiple_of(format.sample_bytes());
    is_whole.then(|| audio.chunks(format.bytes_per_second()).map(Arc::from).collect())
}

/// What a phrase is found by: a digest of everything that makes its sound. The length of each field goes in as well, so that
/// no two lists of fields can be taken for each other.
fn key(identity: &str, job: &Synthesize) -> Key {
    let format = job.format.to_string();
    let mut digest = Sha256::new();
    digest.update(b"operetta phrase 1");
    for field in [identity, &job.voice, &job.language, &job.text, &format] {
        digest.update((field.len() as u64).to_le_bytes());
        digest.update(field);
    }
    digest.finalize().into()
}
