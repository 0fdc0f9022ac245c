use std::time::Duration;

use operetta_audio::{Format, Playout};
use operetta_workers::Tape;

/// Cuts a call into blocks for its recording: the caller as they came, the agent as it was played, side by side in time.
pub(crate) struct Recording {
    tape: Tape,
    format: Format,
    caller: Vec<i16>,
    began: Duration,
    written: u64,
    next: Duration,
}

impl Recording {
    /// A block this long: what a killed process loses at most.
    const BLOCK: Duration = Duration::from_millis(500);
    /// More of the caller than this does not wait: who sends faster than time passes is not recorded whole.
    const MOST_AHEAD_MS: u32 = 2000;

    pub(crate) fn begin(tape: Tape, format: Format, now: Duration) -> Self {
        Self { tape, format, caller: Vec::new(), began: now, written: 0, next: now + Self::BLOCK }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.tape.path()
    }

    pub(crate) fn due(&self) -> Duration {
        self.next
    }

    pub(crate) fn hear(&mut self, samples: &[i16]) {
        let most = (self.format.rate_hz * Self::MOST_AHEAD_MS / 1000) as usize;
        let room = most.saturating_sub(self.caller.len());
        self.caller.extend_from_slice(&samples[..samples.len().min(room)]);
    }

    /// Writes everything up to `now`.
    pub(crate) fn write(&mut self, now: Duration, playout: &mut Playout) {
        self.next = now + Self::BLOCK;
        let mut agent = Vec::new();
        playout.take_played(now, &mut agent);
        let until = (now.saturating_sub(self.began).as_millis() as u64) * u64::from(self.format.rate_hz) / 1000;
        let wanted = until.saturating_sub(self.written) as usize;
        let rest = self.caller.split_off(self.caller.len().min(wanted));
        let mut caller = std::mem::replace(&mut self.caller, rest);
        // A late frame belongs at the end of the block, where the next ones will follow it.
        let missing = wanted - caller.len();
        if missing > 0 {
            let mut padded = vec![0; missing];
            padded.append(&mut caller);
            caller = padded;
        }
        self.tape.write(self.written, caller, agent, self.format.encoding);
        self.written = until;
    }
}
