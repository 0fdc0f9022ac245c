//! What jobs cost.

use std::rc::Rc;

use operetta_contract::{Role, Usage};

/// Who is told what a job cost.
pub(crate) type OnUsage = Rc<dyn Fn(Usage)>;

pub(crate) fn nobody() -> OnUsage {
    Rc::new(|_| {})
}

/// Adds what a piece of a job cost to the rest. A piece that ended early had no chance to report.
pub(crate) fn add(sum: &mut Usage, piece: Usage, is_early: bool) {
    let is_known = piece != Usage::default();
    sum.characters += piece.characters;
    sum.audio_in_ms += piece.audio_in_ms;
    sum.audio_out_ms += piece.audio_out_ms;
    sum.tokens_in += piece.tokens_in;
    sum.tokens_cached += piece.tokens_cached;
    sum.tokens_out += piece.tokens_out;
    sum.estimated |= piece.estimated || (is_known && is_early);
    if piece.request_id.is_some() {
        sum.request_id = piece.request_id;
    }
}

/// A job has ended: writes down what it cost and tells `hook`, if there is anything to tell.
pub(crate) fn settle(role: Role, usage: Usage, unknown: u32, hook: &OnUsage) {
    if unknown > 0 {
        tracing::debug!(role = role.as_str(), unknown, "the provider sent messages of unknown kinds");
    }
    if usage == Usage::default() {
        return;
    }
    tracing::debug!(
        role = role.as_str(),
        characters = usage.characters,
        audio_in_ms = usage.audio_in_ms,
        audio_out_ms = usage.audio_out_ms,
        tokens_in = usage.tokens_in,
        tokens_cached = usage.tokens_cached,
        tokens_out = usage.tokens_out,
        estimated = usage.estimated,
        request_id = usage.request_id.as_deref(),
        "a job was paid for"
    );
    hook(usage);
}
