use std::{
    any::{TypeId, type_name},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    snapshot::{Cause, KindSnapshot, MessageSnapshot},
    tally::{Histogram, add, read},
};

/// The figures of all actors of one kind on one lane.
#[derive(Debug)]
pub(crate) struct Troupe {
    kind: &'static str,
    instances: AtomicU64,
    /// Unix time in nanoseconds at which `instances` last rose from zero.
    running_since: AtomicU64,
    pub(crate) depth: AtomicU64,
    deepest: AtomicU64,
    pub(crate) wait: Histogram,
    /// Filled from the front, never emptied, like the cast of a playbill.
    lines: [OnceLock<Line>; MOST_MESSAGE_TYPES],
    other_lines: Histogram,
    pub(crate) refused_full: AtomicU64,
    pub(crate) refused_closed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    panics: AtomicU64,
    restarts: [AtomicU64; Cause::ALL.len()],
    pauses: AtomicU64,
}

/// One message type and the time its handler takes.
#[derive(Debug)]
struct Line {
    message: TypeId,
    label: String,
    handle: Histogram,
}

/// How many message types of one actor kind are told apart; the rest share the label `other`.
const MOST_MESSAGE_TYPES: usize = 16;

impl Troupe {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            instances: AtomicU64::new(0),
            running_since: AtomicU64::new(0),
            depth: AtomicU64::new(0),
            deepest: AtomicU64::new(0),
            wait: Histogram::default(),
            lines: std::array::from_fn(|_| OnceLock::new()),
            other_lines: Histogram::default(),
            refused_full: AtomicU64::new(0),
            refused_closed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            restarts: std::array::from_fn(|_| AtomicU64::new(0)),
            pauses: AtomicU64::new(0),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn was_used(&self) -> bool {
        read(&self.running_since) != 0
    }

    pub(crate) fn entered(&self, unix: Duration) {
        if self.instances.fetch_add(1, Ordering::Relaxed) == 0 {
            self.running_since.store(unix.as_nanos() as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn left(&self) {
        self.instances.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn panicked(&self) {
        add(&self.panics);
    }

    pub(crate) fn restarted(&self, cause: Cause) {
        add(&self.restarts[cause.index()]);
    }

    pub(crate) fn paused(&self) {
        add(&self.pauses);
    }

    /// One actor found this many letters in its mailbox in one go.
    pub(crate) fn found(&self, letters: u64) {
        // The plain read first: nearly always it says no, and then the line of the cache is not claimed.
        if letters > read(&self.deepest) {
            self.deepest.fetch_max(letters, Ordering::Relaxed);
        }
    }

    /// Where the handling times of a message type go.
    pub(crate) fn line<M: 'static>(&self) -> &Histogram {
        let message = TypeId::of::<M>();
        for slot in &self.lines {
            let line = slot.get_or_init(|| Line {
                message,
                label: short_name(type_name::<M>()),
                handle: Histogram::default(),
            });
            if line.message == message {
                return &line.handle;
            }
        }
        &self.other_lines
    }

    pub(crate) fn read(&self) -> KindSnapshot {
        let mut messages: Vec<_> = self
            .lines
            .iter()
            .map_while(OnceLock::get)
            .map(|line| MessageSnapshot { message: line.label.clone(), handle: line.handle.read() })
            .collect();
        let other = self.other_lines.read();
        if other.count() > 0 {
            messages.push(MessageSnapshot { message: "other".to_owned(), handle: other });
        }
        let instances = read(&self.instances);
        KindSnapshot {
            kind: self.kind,
            instances,
            running_since: (instances > 0).then(|| Duration::from_nanos(read(&self.running_since))),
            depth: read(&self.depth),
            deepest: self.deepest.swap(0, Ordering::Relaxed),
            wait: self.wait.read(),
            handled: messages.iter().map(|message| message.handle.count()).sum(),
            messages,
            refused_full: read(&self.refused_full),
            refused_closed: read(&self.refused_closed),
            dropped: read(&self.dropped),
            panics: read(&self.panics),
            restarts: Cause::ALL.map(|cause| (cause, read(&self.restarts[cause.index()]))),
            pauses: read(&self.pauses),
        }
    }
}

/// `a::b::Ask<c::d::Synthesize>` becomes `Ask<Synthesize>`: paths are noise in a label.
fn short_name(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut word = String::new();
    for letter in full.chars() {
        match letter {
            ':' => word.clear(),
            letter if letter.is_alphanumeric() || letter == '_' => word.push(letter),
            letter => {
                short.push_str(&word);
                word.clear();
                short.push(letter);
            }
        }
    }
    short.push_str(&word);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lose_their_paths_and_keep_their_shape() {
        for (full, short) in [
            ("Media", "Media"),
            ("operetta_session::call::Media", "Media"),
            ("a::Ask<b::c::Synthesize>", "Ask<Synthesize>"),
            ("a::Pair<b::C, (d::E, u8)>", "Pair<C, (E, u8)>"),
        ] {
            assert_eq!(short_name(full), short);
        }
    }
}
