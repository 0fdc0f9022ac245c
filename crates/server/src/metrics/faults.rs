use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use operetta_call::{CloseReason, Refusal};
use operetta_contract::{ErrorClass, FaultCode, Role};
use operetta_stage::LaneSnapshot;
use operetta_workers::RecorderCounts;

use super::Sources;
use crate::leg::LegEnding;

/// The highest counts that were told so far, of codes whose count is a difference: the two sides of it are not written at the
/// same moment, so that it could shrink for a while, and a counter must not.
#[derive(Debug, Default)]
pub struct Highest {
    legs_lost: AtomicU64,
    workers_fell: AtomicU64,
}

impl Sources {
    /// How often each fault has occurred: every code that can, in order. The counts are those of other metrics, so the two
    /// cannot disagree.
    pub(super) fn faults(&self, lanes: &[LaneSnapshot]) -> Vec<(FaultCode, u64)> {
        let of_all = |place: usize| {
            let reasons = self.tallies.iter().flat_map(|tally| &tally.ended);
            reasons.map(|reasons| reasons[place].read()).sum()
        };
        self.told(of_all, lanes)
    }

    /// `ended` tells how many calls ended for a reason, by its place among all of them.
    fn told(&self, ended: impl Fn(usize) -> u64, lanes: &[LaneSnapshot]) -> Vec<(FaultCode, u64)> {
        let mut counts: BTreeMap<FaultCode, u64> =
            FaultCode::ALL.into_iter().filter(|fault| can_be_counted(*fault)).map(|fault| (fault, 0)).collect();
        let mut add = |fault, count: u64| *counts.entry(fault).or_default() += count;
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            if let Some(fault) = of_reason(*reason) {
                add(fault, ended(place));
            }
        }
        let broken = [LegEnding::ProtocolViolation, LegEnding::BadUtf8, LegEnding::TooLarge];
        let broken = broken.iter().map(|ending| self.legs.ended(*ending)).sum::<u64>();
        add(FaultCode::CarrierProtocol, broken);
        add(FaultCode::PhraseNotReady, self.tallies.iter().map(|tally| tally.unrendered.read()).sum());
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
            add(FaultCode::WorkerPaused, lane.actors.iter().map(|actor| actor.pauses).sum());
        }
        if let Some(recorder) = &self.recorder {
            for (fault, count) in of_recordings(&recorder.counts()) {
                add(fault, count);
            }
        }
        // One incident, one code: a leg that broke the protocol is lost to its call, and a worker that falls too often is started
        // again in the end.
        let paused = counts.get(&FaultCode::WorkerPaused).copied().unwrap_or_default();
        for (fault, apart, seen) in [
            (FaultCode::LegLost, broken, &self.highest.legs_lost),
            (FaultCode::WorkerFell, paused, &self.highest.workers_fell),
        ] {
            if let Some(count) = counts.get_mut(&fault) {
                let now = count.saturating_sub(apart);
                *count = seen.fetch_max(now, Ordering::Relaxed).max(now);
            }
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

const fn of_recordings(counts: &RecorderCounts) -> [(FaultCode, u64); 2] {
    [(FaultCode::RecordingFailed, counts.failed), (FaultCode::RecordingPartial, counts.partial)]
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use operetta_contract::ProviderError;
    use operetta_session::Tally;
    use operetta_stage::{Clock, Playbill};
    use operetta_workers::account::{Account, AccountConfig};
    use tokio::sync::watch;

    use super::*;
    use crate::{leg::LegTally, metrics::Requests, providers::Listed, routes::health::Readiness};

    fn sources() -> Sources {
        Sources {
            bills: vec![Playbill::new("w0")],
            tallies: vec![Arc::new(Tally::default())],
            recorder: None,
            capacity: 1,
            requests: Requests::new(),
            legs: Arc::new(LegTally::default()),
            providers: Vec::new(),
            phrases: None,
            highest: Highest::default(),
            readiness: watch::channel(Readiness::Ready).1,
        }
    }

    /// How often a fault is told when so many calls have lost their leg.
    fn count(sources: &Sources, legs_lost: u64, fault: FaultCode) -> u64 {
        let lost = CloseReason::ALL.iter().position(|reason| *reason == CloseReason::LegLost).unwrap();
        let told = sources.told(|place| if place == lost { legs_lost } else { 0 }, &[]);
        told.iter().find(|(other, _)| *other == fault).map_or(0, |(_, count)| *count)
    }

    #[test]
    fn every_reason_that_is_a_fault_has_one_code() {
        let reasons = CloseReason::ALL.iter().filter(|reason| of_reason(**reason).is_some()).count();
        assert_eq!(reasons, 10);
        for (place, reason) in CloseReason::ALL.iter().enumerate() {
            let counted = sources().told(|other| u64::from(other == place), &[]);
            let counted: Vec<_> = counted.into_iter().filter(|(_, count)| *count > 0).collect();
            let expected: Vec<_> = of_reason(*reason).map(|fault| (fault, 1)).into_iter().collect();
            assert_eq!(counted, expected, "{reason:?}");
        }
    }

    #[test]
    fn a_leg_that_broke_the_protocol_is_one_incident() {
        let sources = sources();
        sources.legs.open();
        sources.legs.end(LegEnding::BadUtf8);
        assert_eq!(count(&sources, 1, FaultCode::CarrierProtocol), 1);
        assert_eq!(count(&sources, 1, FaultCode::LegLost), 0);
        assert_eq!(count(&sources, 2, FaultCode::LegLost), 1);
        // The next leg's socket is counted before its call: what was told once stands.
        sources.legs.end(LegEnding::TooLarge);
        assert_eq!(count(&sources, 2, FaultCode::CarrierProtocol), 2);
        assert_eq!(count(&sources, 2, FaultCode::LegLost), 1);
    }

    #[actix_web::test]
    async fn failures_of_providers_have_the_codes_of_their_classes() {
        let account = Account::new("x", AccountConfig::default(), Clock::system());
        let provider = Listed {
            name: "x".into(),
            role: Role::Stt,
            api: "deepgram_listen",
            model: "m".into(),
            address: "".into(),
            agents: Vec::new(),
            account: account.clone(),
            spent: Arc::default(),
        };
        let sources = Sources { providers: vec![provider], ..sources() };
        for (class, code, opened) in [
            (ErrorClass::Timeout, "E004", 0),
            (ErrorClass::RateLimited, "E011", 0),
            (ErrorClass::Quota, "E104", 1),
            (ErrorClass::Missing, "E105", 1),
            (ErrorClass::Auth, "E103", 1),
        ] {
            let account = Account::new("x", AccountConfig::default(), Clock::system());
            let provider = Listed { account: account.clone(), ..sources.providers[0].clone() };
            let sources = Sources { providers: vec![provider], ..super::tests::sources() };
            account.admit(std::time::Duration::ZERO).await.unwrap().bad(&ProviderError::new(class, "why"));
            let mut counted = sources.faults(&[]);
            counted.retain(|(_, count)| *count > 0);
            let codes: Vec<_> = counted.iter().map(|(fault, _)| fault.code()).collect();
            let breaker = (opened > 0).then_some("E012");
            let mut expected: Vec<_> = [code].into_iter().chain(breaker).collect();
            expected.sort_unstable();
            assert_eq!(codes, expected, "{class:?}");
        }
    }

    #[test]
    fn a_job_without_an_account_is_counted_by_its_lane() {
        for (role, code) in [(Role::Vad, "E101"), (Role::Stt, "E004"), (Role::Realtime, "E102")] {
            let mut lane = Playbill::new("w0").snapshot();
            let jobs = lane.jobs.iter_mut().find(|jobs| jobs.role == role).unwrap();
            (jobs.failed, jobs.lost, jobs.cancelled) = (2, 1, 5);
            let mut counted = sources().faults(&[lane]);
            counted.retain(|(_, count)| *count > 0);
            let counted: Vec<_> = counted.iter().map(|(fault, count)| (fault.code(), *count)).collect();
            assert_eq!(counted, [(code, 3)]);
        }
    }

    #[test]
    fn recordings_that_fail_or_have_gaps_have_codes_of_their_own() {
        let counts = RecorderCounts { failed: 2, partial: 3, ..RecorderCounts::default() };
        assert_eq!(of_recordings(&counts), [(FaultCode::RecordingFailed, 2), (FaultCode::RecordingPartial, 3)]);
    }

    #[test]
    fn only_what_can_occur_is_exported() {
        let exported: Vec<_> = sources().faults(&[]).into_iter().map(|(fault, _)| fault.code()).collect();
        assert_eq!(exported.len(), FaultCode::ALL.len() - 5);
        for absent in ["E001", "E010", "E014", "E150", "E151"] {
            assert!(!exported.contains(&absent), "{absent}");
        }
    }
}
