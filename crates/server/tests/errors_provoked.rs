//! Every code of docs/ERRORS.md is provoked by a test, or says that it is reserved.

use std::{fs, path::PathBuf};

use operetta_contract::FaultCode;

/// The file and the function of a test that provokes the fault; `None` for those that are reserved.
const fn provoked_by(fault: FaultCode) -> Option<(&'static str, &'static str)> {
    const FAULTS: &str = "crates/server/src/metrics/faults.rs";
    const SCRAPED: (&str, &str) = (FAULTS, "every_reason_that_is_a_fault_has_one_code");
    const CLASSES: (&str, &str) = (FAULTS, "failures_of_providers_have_the_codes_of_their_classes");
    const BOUNDS: &str = "tests/e2e/bounds.rs";
    const SECURITY: &str = "tests/e2e/security.rs";
    Some(match fault {
        FaultCode::Database | FaultCode::ObjectStore | FaultCode::ConversationNotFound => return None,
        FaultCode::Llm => {
            ("crates/server/src/cli/doctor/examination.rs", "the_first_step_that_fails_is_told_with_its_code")
        }
        FaultCode::Tts => {
            ("crates/server/src/providers/troupe/tests.rs", "the_last_of_the_list_may_be_inside_the_program")
        }
        FaultCode::KeyRejected | FaultCode::BreakerOpen => (
            "crates/server/src/providers/troupe/tests.rs",
            "the_next_of_the_list_speaks_when_the_first_refuses_its_key",
        ),
        FaultCode::Stt | FaultCode::RateLimit | FaultCode::QuotaExhausted | FaultCode::ProviderLacks => CLASSES,
        FaultCode::Vad | FaultCode::Realtime => (FAULTS, "a_job_without_an_account_is_counted_by_its_lane"),
        FaultCode::Signature => (SECURITY, "without_a_signature_neither_webhook_nor_socket_opens"),
        FaultCode::StreamToken => (SECURITY, "a_wrong_token_in_start_is_closed_before_anybody_is_asked_for_anything"),
        FaultCode::ConfigUnusable => (SECURITY, "an_open_address_without_keys_is_refused_with_what_to_set"),
        FaultCode::CannotStart => (BOUNDS, "a_taken_address_is_named_with_what_to_set"),
        FaultCode::NoStart => (BOUNDS, "a_socket_that_never_starts_is_closed"),
        FaultCode::NodeFull => (BOUNDS, "a_call_too_many_is_told_to_come_again"),
        FaultCode::CarrierProtocol => (FAULTS, "a_leg_that_broke_the_protocol_is_one_incident"),
        FaultCode::ProvidersFailed
        | FaultCode::LegLost
        | FaultCode::LegStalled
        | FaultCode::MediaStopped
        | FaultCode::NobodyToAsk
        | FaultCode::Bug => SCRAPED,
        FaultCode::WorkerFell | FaultCode::WorkerPaused => (
            "crates/stage/tests/supervision.rs",
            "five_restarts_are_free_then_the_desk_is_unavailable_for_longer_and_longer",
        ),
        FaultCode::RecordingFailed | FaultCode::RecordingPartial => {
            (FAULTS, "recordings_that_fail_or_have_gaps_have_codes_of_their_own")
        }
        FaultCode::PhraseNotReady => ("tests/e2e/first_audio.rs", "an_ill_voice_is_covered_up"),
    })
}

#[test]
fn every_code_that_can_occur_is_provoked_by_a_test() {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    for fault in FaultCode::ALL {
        assert_eq!(provoked_by(fault).is_none(), fault.reserved_for().is_some(), "{fault}");
        if let Some((file, test)) = provoked_by(fault) {
            let text = fs::read_to_string(project.join(file)).unwrap();
            assert!(text.contains(&format!("fn {test}()")), "{fault}: {file} has no {test}");
        }
    }
}
