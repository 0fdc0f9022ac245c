use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    Counts, Key, Phrase,
    disk::{Disk, Read},
    lru::Lru,
};

/// The thread that owns the phrases.
pub(super) struct Keeper {
    memory: Lru<Phrase>,
    disk: Option<Disk>,
    /// What is being rendered just now.
    flights: HashMap<Key, Flight>,
    tickets: u64,
    counts: Arc<Counts>,
}

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Somebody wants a phrase, and would render it.
    Fetch { key: Key, reply: oneshot::Sender<Reply> },
    /// Who was to render a phrase has done so. Its life goes on until this is read, or somebody else would be asked to.
    Rendered { key: Key, ticket: u64, phrase: Phrase, life: Arc<()> },
    /// Who was to render a phrase will not.
    GivenUp { key: Key, ticket: u64 },
    /// Somebody wants a phrase, and would not render it.
    Get { key: Key, reply: SyncSender<Option<Phrase>> },
    /// Somebody has a phrase.
    Store { key: Key, phrase: Phrase, reply: SyncSender<bool> },
    /// To be answered when everything before it is done.
    Finish(SyncSender<()>),
}

/// What is said to somebody who wants a phrase.
#[derive(Debug)]
pub(super) enum Reply {
    Found(Phrase),
    /// It is not there: render it.
    Render {
        /// Which rendering it is.
        ticket: u64,
        /// Is dropped when the rendering has ended.
        life: Arc<()>,
    },
}

struct Flight {
    ticket: u64,
    life: Weak<()>,
    waiting: VecDeque<oneshot::Sender<Reply>>,
}

impl Keeper {
    pub(super) fn new(memory_bytes: u64, disk: Option<Disk>, counts: Arc<Counts>) -> Self {
        let keeper = Self { memory: Lru::new(memory_bytes), disk, flights: HashMap::new(), tickets: 0, counts };
        keeper.count();
        keeper
    }

    /// Works until nobody can give orders any more.
    pub(super) fn run(&mut self, inbox: &Receiver<Order>) {
        loop {
            // Who renders may vanish without a word, when there was no room for it; then somebody else has to.
            let order = if self.flights.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(LOOK_EVERY)
            };
            match order {
                Ok(order) => self.perform(order),
                Err(RecvTimeoutError::Timeout) => self.look_after_flights(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.count();
        }
    }

    fn perform(&mut self, order: Order) {
        match order {
            Order::Fetch { key, reply } => self.fetch(key, reply),
            Order::Rendered { key, ticket, phrase, life } => {
                // Those who wait come before the disk.
                self.remember(key, &phrase);
                self.land(key, ticket, &phrase);
                drop(life);
                self.write(&key, &phrase);
            }
            Order::GivenUp { key, ticket } => {
                if self.flights.get(&key).is_some_and(|flight| flight.ticket == ticket) {
                    self.pass_on(key);
                }
            }
            // Whoever asked may have lost patience.
            Order::Get { key, reply } => drop(reply.try_send(self.find(&key))),
            Order::Store { key, phrase, reply } => {
                self.remember(key, &phrase);
                let _asker_gone = reply.try_send(self.write(&key, &phrase));
            }
            Order::Finish(done) => {
                let _asker_gone = done.try_send(());
            }
        }
    }

    fn fetch(&mut self, key: Key, reply: oneshot::Sender<Reply>) {
        if self.flights.get(&key).is_some_and(|flight| flight.life.strong_count() == 0) {
            self.pass_on(key);
        }
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.waiting.push_back(reply);
        } else if let Some(phrase) = self.find(&key) {
            drop(reply.send(Reply::Found(phrase)));
        } else {
            self.take_off(key, VecDeque::from([reply]));
        }
    }

    /// Has the first of those who wait render; the others go on waiting.
    fn take_off(&mut self, key: Key, mut waiting: VecDeque<oneshot::Sender<Reply>>) {
        while let Some(first) = waiting.pop_front() {
            self.tickets += 1;
            let (ticket, life) = (self.tickets, Arc::new(()));
            let weak = Arc::downgrade(&life);
            if first.send(Reply::Render { ticket, life }).is_ok() {
                add(&self.counts.misses);
                self.flights.insert(key, Flight { ticket, life: weak, waiting });
                return;
            }
        }
    }

    /// Who was to render has not: the next one does.
    fn pass_on(&mut self, key: Key) {
        if let Some(flight) = self.flights.remove(&key) {
            self.take_off(key, flight.waiting);
        }
    }

    fn land(&mut self, key: Key, ticket: u64, phrase: &Phrase) {
        // One that was taken for given up, and came after all, serves those who wait for its successor as well.
        let Some(flight) = self.flights.remove(&key) else { return };
        for waiting in flight.waiting {
            if waiting.send(Reply::Found(Arc::clone(phrase))).is_ok() {
                add(&self.counts.hits_shared);
            }
        }
        tracing::trace!(ticket, "a phrase was rendered");
    }

    fn look_after_flights(&mut self) {
        let is_lost = |(_, flight): &(&Key, &Flight)| flight.life.strong_count() == 0;
        let lost: Vec<Key> = self.flights.iter().filter(is_lost).map(|(key, _)| *key).collect();
        for key in lost {
            self.pass_on(key);
        }
    }

    fn find(&mut self, key: &Key) -> Option<Phrase> {
        if let Some(phrase) = self.memory.use_now(key) {
            add(&self.counts.hits_memory);
            return Some(Arc::clone(phrase));
        }
        match self.disk.as_mut()?.read(key) {
            Read::Whole(pieces) => {
                let phrase = disk_pieces(&pieces)?;
                add(&self.counts.hits_disk);
                self.remember(*key, &phrase);
                Some(phrase)
            }
            Read::Missing => None,
            Read::Damaged => {
                tracing::warn!("a phrase on disk was damaged and is removed");
                add(&self.counts.damaged);
                None
            }
        }
    }

    /// True unless it had to be written to disk and could not.
    fn write(&mut self, key: &Key, phrase: &Phrase) -> bool {
        let Some(disk) = &mut self.disk else { return true };
        match disk.write(key, &disk_bytes(phrase)) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a phrase cannot be written");
                add(&self.counts.unwritten);
                false
            }
        }
    }

    fn remember(&mut self, key: Key, phrase: &Phrase) {
        let bytes = phrase.iter().map(|piece| piece.len() as u64).sum();
        self.memory.put(key, Arc::clone(phrase), bytes);
    }

    fn count(&self) {
        self.counts.entries_memory.store(self.memory.len(), Ordering::Relaxed);
        self.counts.bytes_memory.store(self.memory.bytes(), Ordering::Relaxed);
        if let Some(disk) = &self.disk {
            self.counts.entries_disk.store(disk.len(), Ordering::Relaxed);
            self.counts.bytes_disk.store(disk.bytes(), Ordering::Relaxed);
        }
    }
}

/// What goes to disk: the size of a piece, and all pieces.
fn disk_bytes(phrase: &Phrase) -> Vec<u8> {
    let size = phrase.first().map_or(0, |piece| piece.len() as u32);
    let mut bytes = size.to_le_bytes().to_vec();
    for piece in phrase.iter() {
        bytes.extend_from_slice(piece);
    }
    bytes
}

fn disk_pieces(bytes: &[u8]) -> Option<Phrase> {
    let (size, audio) = bytes.split_first_chunk()?;
    let size = u32::from_le_bytes(*size) as usize;
    (size > 0 && !audio.is_empty()).then(|| audio.chunks(size).map(Arc::from).collect())
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// How often the thread looks whether somebody who renders has vanished.
const LOOK_EVERY: Duration = Duration::from_millis(50);
