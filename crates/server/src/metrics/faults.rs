use std::{collections::BTreeMap, sync::atomic::Ordering};

use operetta_call::{CloseReason, Refusal};
use operetta_contract::{ErrorClass, FaultCode, Role};
use operetta_stage::LaneSnapshot;

use super::Sources;
use crate::leg::LegEnding;

impl Sources {
    /// How often each fault has occurred: every code that can, in order. The counts are those of other metrics, so the two
    /// cannot disagree.
    pub(super) fn faults(&self, lanes: &[LaneSnapshot]) -> Vec<(FaultCode, u64)> {
        let mut counts: BTreeMap<FaultCode, u64> =
            FaultCode::ALL.into_iter().filter(|fault| can_be_counted(*fault)).map(|fault| (fault, 0)).collect();
        let mut add = |fault, count: u64| *counts.entry(fault).or_default() += count;
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            if let Some(fault) = of_reason(*reason) {
                let ended = self.tallies.iter().flat_map(|tally| &tally.ended).map(|reasons| reasons[place].read());
                add(fault, ended.sum());
            }
        }
        let broken = [LegEnding::ProtocolViolation, LegEnding::BadUtf8, LegEnding::TooLarge];
        let broken = broken.iter().map(|ending| self.legs.ended(*ending)).sum::<u64>();
        add(FaultCode::CarrierProtocol, broken);
        add(FaultCode::Signature, self.requests.signature_failures());
        for provider in &self.providers {
            let seen = provider.account.snapshot();
            for (class, count) in seen.errors {
                add(FaultCode::of_class(provider.role, class), count);
            }
            add(FaultCode::BreakerOpen, seen.opened);
        }
        for lane in lanes {
            for jobs in lane.jobs.iter().filter(|jobs| !self.is_accounted_for(jobs.role)) {
                let role = FaultCode::of_class(jobs.role, ErrorClass::Internal);
                add(role, jobs.failed + jobs.lost);
            }
            let restarts = lane.actors.iter().flat_map(|actor| actor.restarts).map(|(_, count)| count);
            add(FaultCode::WorkerFell, restarts.sum());
        }
        if let Some(recorder) = &self.recorder {
            let counts = recorder.counts();
            add(FaultCode::RecordingFailed, counts.failed);
            add(FaultCode::RecordingPartial, counts.partial);
        }
        // A leg that broke the protocol is lost to its call: one incident, one code. The two counters are written one after the
        // other, so the difference could shrink for a moment, and a counter must not.
        if let Some(lost) = counts.get_mut(&FaultCode::LegLost) {
            let now = lost.saturating_sub(broken);
            *lost = self.legs_lost.fetch_max(now, Ordering::Relaxed).max(now);
        }
        counts.into_iter().collect()
    }

    /// Whether accounts count the failures in this role. Engines inside the program have none where they are alone, and who
    /// leads a conversation is asked without a relay: there a job that fails is a failure of theirs.
    fn is_accounted_for(&self, role: Role) -> bool {
        role != Role::Realtime && self.providers.iter().any(|provider| provider.role == role)
    }
}

/// Codes that end the program are told by its last words, and reserved ones not at all.
const fn can_be_counted(fault: FaultCode) -> bool {
    fault.reserved_for().is_none() && !matches!(fault, FaultCode::ConfigUnusable | FaultCode::CannotStart)
}

/// The fault that ended a call; `None` where nothing was wrong.
const fn of_reason(reason: CloseReason) -> Option<FaultCode> {
    Some(match reason {
        CloseReason::NoStart => FaultCode::NoStart,
        CloseReason::LegLost => FaultCode::LegLost,
        CloseReason::LegStalled => FaultCode::LegStalled,
        CloseReason::MediaStopped => FaultCode::MediaStopped,
        CloseReason::ProvidersFailed => FaultCode::ProvidersFailed,
        CloseReason::Bug => FaultCode::Bug,
        CloseReason::Refused(Refusal::Auth) => FaultCode::StreamToken,
        CloseReason::Refused(Refusal::Capacity) => FaultCode::NodeFull,
        CloseReason::Refused(Refusal::BadRequest) => FaultCode::CarrierProtocol,
        CloseReason::Refused(Refusal::Unavailable) => FaultCode::NobodyToAsk,
        CloseReason::Refused(Refusal::Draining | Refusal::Duplicate)
        | CloseReason::CallerHungUp
        | CloseReason::FlowEnded
        | CloseReason::AgentHungUp
        | CloseReason::Transferred
        | CloseReason::NoInput
        | CloseReason::TimeLimit
        | CloseReason::Drained => return None,
    })
}
