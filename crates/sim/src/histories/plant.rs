use std::{fmt, str::FromStr};

use operetta_call::{At, Call, Effect, Input, JobId, Mode, Note, PhaseName, Speech};

/// A mistake that engines of this kind are known to make, put between the machine and the watch: a watch that finds
/// nothing has to show first that it can find something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The greeting is guarded by a flag that is set when its audio comes; a second `start` can be faster.
    Greeting,
    /// One job is forgotten when the call closes.
    Cancel,
    /// Audio of a job that is no longer wanted is played all the same.
    Stale,
    /// Whoever notices the end of the leg closes the call, although it is closed already.
    Close,
    /// What has been sent counts as heard, so the call ends in the middle of its goodbye.
    Hangup,
}

impl Plant {
    /// Every plant.
    pub const ALL: [Self; 5] = [Self::Greeting, Self::Cancel, Self::Stale, Self::Close, Self::Hangup];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Cancel => "cancel",
            Self::Stale => "stale",
            Self::Close => "close",
            Self::Hangup => "hangup",
        }
    }
}

impl fmt::Display for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Plant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|plant| plant.as_str() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|plant| plant.as_str()).collect();
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// The machine, and perhaps a mistake behind it.
#[derive(Debug)]
pub(super) struct Planted {
    pub(super) call: Call,
    plant: Option<Plant>,
    /// The flag of [`Plant::Greeting`].
    greeted: bool,
}

impl Planted {
    /// Far from every id that the machine gives.
    const SECOND_GREETING: JobId = JobId(1_000_000);

    pub(super) const fn new(call: Call, plant: Option<Plant>) -> Self {
        Self { call, plant, greeted: false }
    }

    /// One step; its effects replace what is in `effects`.
    pub(super) fn step(&mut self, at: At, input: &Input, effects: &mut Vec<Effect>) {
        effects.clear();
        let closed_before = self.call.closed();
        effects.extend(self.call.step(at, input.clone()));
        let Some(plant) = self.plant else { return };
        match (plant, input) {
            (Plant::Greeting, Input::Started(_)) if self.call.phase() == PhaseName::Greeting => {
                let racing = !self.greeted && !effects.iter().any(|effect| matches!(effect, Effect::Speak { .. }));
                if let Some(settings) = self.call.settings().filter(|settings| racing && settings.mode == Mode::Full) {
                    let speech = Speech::Greeting(settings.lines.greeting.clone());
                    effects.push(Effect::Speak { job: Self::SECOND_GREETING, speech });
                }
            }
            (Plant::Greeting, Input::AudioCame { .. }) => self.greeted = true,
            (Plant::Cancel, _) if matches!(effects.last(), Some(Effect::Close(_))) => {
                if let Some(first) = effects.iter().position(|effect| matches!(effect, Effect::Cancel(_))) {
                    effects.remove(first);
                }
            }
            (Plant::Stale, Input::AudioCame { job, chunk }) => {
                if effects.contains(&Effect::Note(Note::Stale(*job))) && closed_before.is_none() {
                    effects.push(Effect::Play(*chunk));
                }
            }
            (Plant::Close, Input::LegLost) => effects.extend(closed_before.map(Effect::Close)),
            (Plant::Hangup, _) => {
                let sent = effects.iter().find_map(|effect| match effect {
                    Effect::SendMark(mark) => Some(*mark),
                    _ => None,
                });
                if let Some(mark) = sent {
                    effects.extend(self.call.step(at, Input::MarkPlayed(mark)));
                }
            }
            (Plant::Greeting | Plant::Cancel | Plant::Stale | Plant::Close, _) => {}
        }
    }
}
