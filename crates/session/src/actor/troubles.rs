use std::fmt;

use operetta_call::{CloseReason, Refusal, Wait};
use operetta_contract::{ErrorClass, FaultCode, Role};

/// What went wrong in a call: each code once, in the order in which they first came. The last line of the call's log has them
/// all, so that a call that went wrong is found by its codes.
#[derive(Debug, Default)]
pub(super) struct Troubles(Vec<FaultCode>);

impl Troubles {
    /// Notes a fault and gives its code back, for the log line that tells of it.
    pub(super) fn note(&mut self, fault: FaultCode) -> &'static str {
        if !self.0.contains(&fault) {
            self.0.push(fault);
        }
        fault.code()
    }

    /// Notes a wait that was in vain, where that is a fault.
    pub(super) fn waited(&mut self, wait: Wait) -> Option<&'static str> {
        let role = match wait {
            Wait::Audio => Role::Tts,
            Wait::Mind => Role::Llm,
            Wait::Final => Role::Stt,
            // The close has a reason, and its own fault.
            Wait::Start | Wait::Mark | Wait::Media | Wait::Caller | Wait::Call => return None,
        };
        Some(self.note(FaultCode::of_class(role, ErrorClass::Timeout)))
    }

    /// Notes why the call ended, where that is a fault.
    pub(super) fn ended(&mut self, reason: CloseReason, protocol_broken: bool) {
        let fault = match reason {
            _ if protocol_broken => FaultCode::CarrierProtocol,
            CloseReason::NoStart => FaultCode::NoStart,
            CloseReason::LegLost => FaultCode::LegLost,
            CloseReason::LegStalled => FaultCode::LegStalled,
            CloseReason::MediaStopped => FaultCode::MediaStopped,
            CloseReason::ProvidersFailed => FaultCode::ProvidersFailed,
            CloseReason::Bug => FaultCode::Bug,
            CloseReason::Refused(Refusal::Auth) => FaultCode::StreamToken,
            CloseReason::Refused(Refusal::Capacity) => FaultCode::NodeFull,
            CloseReason::Refused(Refusal::Unavailable) => FaultCode::NobodyToAsk,
            CloseReason::Refused(Refusal::BadRequest) => FaultCode::CarrierProtocol,
            CloseReason::Refused(Refusal::Draining | Refusal::Duplicate)
            | CloseReason::CallerHungUp
            | CloseReason::FlowEnded
            | CloseReason::AgentHungUp
            | CloseReason::Transferred
            | CloseReason::NoInput
            | CloseReason::TimeLimit
            | CloseReason::Drained => return,
        };
        self.note(fault);
    }
}

/// The codes, with commas between them; nothing when nothing went wrong.
impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{}", fault.code())?;
        }
        Ok(())
    }
}
