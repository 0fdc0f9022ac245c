use std::sync::Arc;

use operetta_call::{Mode, OnFailure, Settings, StreamSid, Timing};

use super::dice::Dice;

/// What histories draw from: made once a thread, so that a history costs no more than its steps.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) stream: StreamSid,
    pub(super) settings: Vec<Arc<Settings>>,
    /// Pieces of replies: whole sentences, halves, nothing, and more than anyone should say in one breath.
    pub(super) replies: Vec<Arc<str>>,
    /// What callers say; often nothing.
    pub(super) finals: Vec<Arc<str>>,
}

impl Pool {
    const SETTINGS: u64 = 96;

    pub(super) fn new(seed: u64) -> Self {
        let texts = |all: &[&str]| all.iter().map(|text| Arc::from(*text)).collect();
        let (endless, circles) = ("and so on ".repeat(80), "No. ".repeat(100));
        Self {
            stream: StreamSid::new("MZ1"),
            settings: (0..Self::SETTINGS).map(|index| Arc::new(settings(seed, index))).collect(),
            replies: texts(&[
                "Yes. ",
                "Of course. Shall I",
                " book it? ",
                "Tomorrow at ten",
                "",
                "   ",
                "।",
                &endless,
                "Yes. ",
                "Certainly. ",
                "Ten or eleven? ",
                &circles,
            ]),
            finals: texts(&["", "hello", "book it", "  ", "no", "दस बजे"]),
        }
    }
}

/// The first are as shipped; the rest differ in everything, waits down to 1 ms included.
fn settings(seed: u64, index: u64) -> Settings {
    let mut dice = Dice::new(seed ^ 0x5E77_1465, index);
    let mut settings = Settings::default();
    if index < 8 {
        return settings;
    }
    settings.mode = match dice.below(10) {
        0 => Mode::Bare,
        1 => Mode::Beep,
        _ => Mode::Full,
    };
    settings.barge_in = dice.chance(70);
    settings.whole = dice.chance(25);
    settings.on_failure = *dice.pick(&[OnFailure::Retry, OnFailure::Retry, OnFailure::Transfer, OnFailure::Goodbye]);
    if dice.chance(20) {
        return settings;
    }
    let shipped = Timing::default();
    let mut vary = |ms: u32| match dice.below(6) {
        0 => 1 + dice.below(5),
        1 | 2 => 1 + dice.below(500),
        3 | 4 => 1 + dice.below(5000),
        _ => ms,
    };
    settings.timing = Timing {
        comfort_after_ms: vary(shipped.comfort_after_ms),
        fallback_after_ms: vary(shipped.fallback_after_ms),
        first_audio_ms: vary(shipped.first_audio_ms),
        audio_gap_ms: vary(shipped.audio_gap_ms),
        mind_ms: vary(shipped.mind_ms),
        endpoint_ms: vary(shipped.endpoint_ms),
        pause_ms: vary(shipped.pause_ms),
        final_ms: vary(shipped.final_ms),
        monologue_ms: vary(shipped.monologue_ms),
        digits_ms: vary(shipped.digits_ms),
        idle_ms: vary(shipped.idle_ms),
        mark_grace_ms: vary(shipped.mark_grace_ms),
        media_gap_ms: vary(shipped.media_gap_ms).max(400),
        ..shipped
    };
    settings.timing.idle_prompts = dice.below(3);
    if dice.chance(25) {
        settings.timing.call_ms = 200 + dice.below(30_000);
    }
    settings
}
