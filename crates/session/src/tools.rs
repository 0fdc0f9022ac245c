//! What every model may call: the two ways in which a call goes on without it.

use std::sync::{Arc, LazyLock};

use operetta_call::Next;
use operetta_contract::Tool;

/// The tools, the same for every turn: what providers have cached of the instructions stays valid.
pub(crate) fn built_in() -> Arc<[Tool]> {
    static TOOLS: LazyLock<Arc<[Tool]>> = LazyLock::new(|| {
        let tool = |name: &str, description: &str| Tool {
            name: name.into(),
            description: description.into(),
            parameters: r#"{"type":"object","properties":{},"additionalProperties":false}"#.into(),
        };
        [
            tool(HANG_UP, "Ends the phone call once your reply has been spoken. Say goodbye in the same reply."),
            tool(
                TRANSFER,
                "Connects the caller to a person once your reply has been spoken. Say so in the same reply.",
            ),
        ]
        .into()
    });
    Arc::clone(&TOOLS)
}

/// How the call goes on when the model has called `tool`; `None` for a tool that it was not given.
pub(crate) fn next(tool: &str) -> Option<Next> {
    match tool {
        HANG_UP => Some(Next::HangUp),
        TRANSFER => Some(Next::Transfer),
        _ => None,
    }
}

const HANG_UP: &str = "hang_up";
const TRANSFER: &str = "transfer_to_person";
