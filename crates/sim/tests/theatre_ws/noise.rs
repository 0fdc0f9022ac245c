use actix_http::ws::OpCode;
use operetta_sim::theatre::ws::Ender;
use serde_json::{Value, json};

use crate::{
    client::{Client, ended},
    failures::{ALL, answer_to, is_last},
    theatre,
};

/// Clients that say anything at all in any order: every fake goes on, or closes with a code, and the next client is served.
#[tokio::test]
async fn no_client_breaks_a_fake() {
    for (api, path, key) in ALL {
        for seed in 0..100 {
            let theatre = theatre();
            let mut client = Client::open(&theatre, path, key).await.unwrap();
            let mut dice = Dice(seed * 7_919 + 1);
            for _ in 0..40 {
                // A socket that the fake has closed takes it or not.
                let _ = match dice.below(4) {
                    0 => client.send(OpCode::Binary, &dice.bytes()).await,
                    1 => client.send(OpCode::Text, dice.text().as_bytes()).await,
                    _ => client.send(OpCode::Text, dice.message().to_string().as_bytes()).await,
                };
            }
            drop(client);
            let end = ended(&theatre, api).await.end.unwrap();
            // A fake that panics leaves the theatre to end its socket.
            assert_ne!(end.by, Ender::Theatre, "{api} {seed} {end:?}");
            assert!(end.by != Ender::Vendor || end.code.is_some(), "{api} {seed} {end:?}");
        }
        let theatre = theatre();
        let mut client = Client::open(&theatre, path, key).await.unwrap();
        let all = answer_to(&mut client, api).await;
        assert!(all.last().is_some_and(|got| is_last(api, got)), "{api}");
    }
}

/// Marsaglia's xorshift64: enough for noise.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 20) as usize % bound
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = [1, 7, 159, 400, 1_601, 8_000][self.below(6)];
        (0..length).map(|_| self.next() as u8).collect()
    }

    fn text(&mut self) -> String {
        let texts =
            ["", "{", "[]", "null", "\"x\"", "{\"type\":1}", "{\"text\":null,\"context_id\":7}", "नमस्ते", "1e999"];
        texts[self.below(texts.len())].to_owned()
    }

    fn message(&mut self) -> Value {
        let mut message = json!({});
        for _ in 0..=self.below(4) {
            let field = FIELDS[self.below(FIELDS.len())];
            message[field] = self.value();
        }
        if self.below(3) > 0 {
            message["type"] = json!(KINDS[self.below(KINDS.len())]);
        }
        message
    }

    fn value(&mut self) -> Value {
        match self.below(9) {
            0 => json!(null),
            1 => json!(true),
            2 => json!(self.next()),
            3 => json!(-1.5),
            4 => json!(["a", {}]),
            5 => json!({ "type": "realtime", "audio": { "input": { "format": { "type": "audio/pcmu" } } } }),
            6 => json!({ "chunk_length_schedule": [0, -1, "x"], "call_id": "call_1", "type": "function_call_output" }),
            7 => json!(["", " ", "a", "b", "item_1", "resp_1", "//8="][self.below(7)]),
            _ => json!("Ünïcödé. And more! ".repeat(self.below(20))),
        }
    }
}

const FIELDS: [&str; 16] = [
    "text",
    "context_id",
    "flush",
    "close_context",
    "close_socket",
    "voice_settings",
    "generation_config",
    "session",
    "audio",
    "item",
    "item_id",
    "audio_end_ms",
    "response_id",
    "event_id",
    "thresholds",
    "try_trigger_generation",
];

const KINDS: [&str; 22] = [
    "Speak",
    "Flush",
    "Clear",
    "KeepAlive",
    "Finalize",
    "Configure",
    "ForceEndTurn",
    "ForceEndpoint",
    "UpdateConfiguration",
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "response.create",
    "response.cancel",
    "nonsense",
    "",
    "Terminate",
];
