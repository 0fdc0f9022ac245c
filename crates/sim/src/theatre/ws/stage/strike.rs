//! What goes wrong below and beside the vendors' protocols: closes, silences, and messages in other clothes.

use actix_http::ws::OpCode;
use serde_json::{Value, json};

use super::{Stage, State};
use crate::theatre::ws::{
    Ender, WsFailure,
    play::Staged,
    session::{Cause, base64_of},
};

impl Stage {
    /// Whether content may go out. What is to strike strikes before it, once enough has gone.
    pub(super) fn may_go(&mut self) -> bool {
        let Some(staged) = self.manner.staged else { return true };
        if self.has_struck || self.content < u64::from(staged.after) {
            return true;
        }
        self.has_struck = true;
        self.strike(staged);
        self.state == State::Open
    }

    fn strike(&mut self, staged: Staged) {
        let suits = staged.failure.suits(self.backstage.api());
        match (staged.failure, staged.form) {
            (WsFailure::NoInput, form) if suits => {
                let link = "No audio came for too long. See https://dpgr.am/net0001";
                self.close(1011, if form == "link" { link } else { "NET-0001" });
            }
            (WsFailure::Dropped, "rst" | "fin") => {
                self.end(Ender::VendorDropped, None, "");
                self.state = State::Dead;
            }
            (WsFailure::Dropped, form) => {
                let code = form.parse().unwrap_or(1011);
                self.close(code, if code == 1011 { "NET-0000" } else { "" });
            }
            (WsFailure::ClosedForData, form) => match form {
                "1003" => self.close(1003, "MESSAGE-0000"),
                "1007" => self.close(1007, ""),
                "1009" => self.close(1009, "BIG-0000"),
                data => self.close(1008, data),
            },
            (WsFailure::OddClose, form) => match form {
                "empty" => self.close(1011, ""),
                "bare" => self.close_with(None, ""),
                "long" => self.close(1011, &"A reason that says little at length. ".repeat(4)[..123]),
                code => self.close(code.parse().unwrap_or(4_031), "closed by the vendor (mock)"),
            },
            (WsFailure::ErrorThenSilence, _) => {
                if let Some(message) = self.session.complaint(Cause::Internal).message {
                    self.say(&message);
                }
                self.state = State::Dead;
            }
            (WsFailure::DeadButOpen, _) => self.state = State::Dead,
            (WsFailure::SessionExpires, _) => self.complain(Cause::Expired),
            (WsFailure::TooFast, form) if suits => {
                let code: u16 = form.parse().unwrap_or(4029);
                self.say(&json!({ "type": "Error", "error_code": code, "error": "Too fast (mock)" }));
                self.close(code, "Too fast (mock)");
            }
            (WsFailure::NamelessError, _) if suits => self.complain(Cause::Internal),
            (WsFailure::WarningFlood, _) => self.flood(),
            _ => {}
        }
    }

    fn flood(&mut self) {
        for _ in 0..20 {
            self.say(&json!({ "type": "Warning", "code": "EXCEEDED_FLUSH_LIMIT", "description": "Too many (mock)." }));
        }
        for number in 0..1_000 {
            self.say(&json!({ "type": format!("mock.unknown.{number}"), "number": number }));
        }
    }

    pub(super) fn say(&mut self, message: &Value) {
        let mut text = message.to_string();
        if !self.is_dressed {
            match self.manner.staged.map(|staged| (staged.failure, staged.form)) {
                Some((WsFailure::LargeMessages, form)) => {
                    self.is_dressed = true;
                    text = padded(message, large(form));
                }
                Some((WsFailure::Malformed, form)) => {
                    self.is_dressed = true;
                    self.write_malformed(form, &text);
                }
                _ => {}
            }
        }
        match self.manner.staged.map(|staged| staged.failure) {
            Some(WsFailure::Fragments) => self.wire.fragments(OpCode::Text, text.as_bytes()),
            Some(WsFailure::WrongKind) => self.wire.frame(OpCode::Binary, text.as_bytes(), true),
            _ => self.wire.frame(OpCode::Text, text.as_bytes(), true),
        }
    }

    pub(super) fn write_audio(&mut self, bytes: &[u8]) {
        match self.manner.staged.map(|staged| staged.failure) {
            Some(WsFailure::Fragments) => self.wire.fragments(OpCode::Binary, bytes),
            Some(WsFailure::WrongKind) => self.wire.frame(OpCode::Text, base64_of(bytes).as_bytes(), true),
            _ => self.wire.frame(OpCode::Binary, bytes, true),
        }
    }

    /// A message that nobody can read, made of one that could be.
    fn write_malformed(&mut self, form: &str, text: &str) {
        match form {
            "array" => self.wire.frame(OpCode::Text, b"[1, \"two\", null]", true),
            "utf8" => self.wire.frame(OpCode::Text, b"{\"type\":\"\xC3\x28\"}", true),
            "base64" => {
                let message = json!({
                    "audio": "@@not base64@@", "contextId": "mock", "isFinal": false,
                    "type": "response.output_audio.delta", "delta": "@@not base64@@",
                });
                self.wire.frame(OpCode::Text, message.to_string().as_bytes(), true);
            }
            "rsv" => self.wire.frame_with_rsv(OpCode::Text, text.as_bytes()),
            _ => self.wire.frame(OpCode::Text, &text.as_bytes()[..text.floor_char_boundary(text.len() / 2)], true),
        }
    }
}

/// The message with as much in it as makes it this long.
fn padded(message: &Value, length: usize) -> String {
    let mut message = message.clone();
    message["padding"] = json!("");
    let missing = length.saturating_sub(message.to_string().len());
    message["padding"] = json!("x".repeat(missing));
    message.to_string()
}

fn large(form: &str) -> usize {
    match form {
        "15m" => 15 << 20,
        "1m" => 1 << 20,
        _ => (64 << 10) + 1,
    }
}
