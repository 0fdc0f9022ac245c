//! Anthropic Messages (reference 5.1; official SDK and documentation, read 2026-11).

use std::collections::BTreeMap;

use operetta_contract::{
    ApiKey, Capabilities, Complete, Completion, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method,
    Output, ProviderError, Role, ToolResult, UsageSource, class_of_status,
};
use serde_json::{Map, Value, json};

use crate::shape::{
    http_address,
    json::{parse, protocol, text_of},
    refused::{detail, refused},
    reply::{Draft, Reply},
    request_id::naming,
    sse::{self, Event, Sse},
    tools,
    turns::{GoOn, Turn, turns},
};

/// How to ask Anthropic.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key, sent as `x-api-key`.
    pub key: ApiKey,
    /// `https://host[:port]`; `https://api.anthropic.com` unless a gateway stands before it.
    pub base_url: String,
    /// The model's id.
    pub model: String,
    /// The version of the API, by default the one of 2026-10-21.
    pub version: Version,
    /// The longest reply, in tokens; 400 by default, about a minute and a half of speech.
    pub max_tokens: u32,
    /// 0 to 1; the provider's default when `None`. Not sent with [`Version::V2026_10_21`], which refuses it, as the next two.
    pub temperature: Option<f32>,
    /// 0 to 1.
    pub top_p: Option<f32>,
    /// From 1.
    pub top_k: Option<u32>,
    /// How long the instructions and the tools are kept in the provider's cache; 5 minutes by default.
    pub cache: Cache,
    /// A reply that another provider began is gone on with by prefilling it; true by default. Models that refuse to be
    /// prefilled need `false`: they are asked to go on.
    pub prefill: bool,
    /// Turns thinking off in words; true by default, for the caller waits. `false` for models that do not know the field.
    pub thinking_off: bool,
}

impl Config {
    /// The defaults with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://api.anthropic.com".to_owned(),
            model: model.into(),
            version: Version::V2026_10_21,
            max_tokens: 400,
            temperature: None,
            top_p: None,
            top_k: None,
            cache: Cache::FiveMinutes,
            prefill: true,
            thinking_off: true,
        }
    }
}

/// The version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `2023-06-01`: takes the sampling fields.
    V2023_06_01,
    /// `2026-10-21`: refuses the sampling fields, even at their defaults.
    V2026_10_21,
}

impl Version {
    /// The version of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::V2023_06_01, Self::V2026_10_21].into_iter().find(|version| version.as_str() == name)
    }

    /// Its name, as the header has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2023_06_01 => "2023-06-01",
            Self::V2026_10_21 => "2026-10-21",
        }
    }
}

/// How long a prefix stays in the provider's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Not at all.
    Off,
    /// 5 minutes from its last use.
    FiveMinutes,
    /// An hour from its last use; dearer to fill.
    OneHour,
}

/// Anthropic.
#[derive(Clone, Debug)]
pub struct Anthropic {
    config: Config,
}

impl Anthropic {
    /// The provider with these settings.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Result<HttpRequest, ProviderError> {
        Ok(HttpRequest {
            method,
            url: http_address(&self.config.base_url, path, query)?,
            headers: vec![
                ("x-api-key", self.config.key.header("")),
                ("anthropic-version", self.config.version.as_str().into()),
            ],
            body: Vec::new(),
        })
    }

    /// The body. Its fields are sorted, so that the cached prefix is the same to the byte in every turn.
    fn body(&self, job: &Complete) -> Result<Vec<u8>, ProviderError> {
        let config = &self.config;
        let mut body = Map::new();
        body.insert("model".into(), config.model.clone().into());
        body.insert("max_tokens".into(), config.max_tokens.into());
        body.insert("stream".into(), true.into());
        body.insert("messages".into(), self.messages(job));
        if !job.prompt.trim().is_empty() {
            let mut system = json!({"type": "text", "text": &*job.prompt});
            self.cached(&mut system);
            body.insert("system".into(), json!([system]));
        }
        if !job.tools.is_empty() {
            let tool = |tool: &operetta_contract::Tool| {
                let schema = tools::schema(tool)?;
                Ok(json!({"name": &*tool.name, "description": &*tool.description, "input_schema": schema}))
            };
            let mut list = job.tools.iter().map(tool).collect::<Result<Vec<_>, ProviderError>>()?;
            // The mark covers everything before it.
            if let Some(last) = list.last_mut() {
                self.cached(last);
            }
            body.insert("tools".into(), list.into());
        }
        if config.thinking_off {
            body.insert("thinking".into(), json!({"type": "disabled"}));
        }
        if config.version == Version::V2023_06_01 {
            let sampling = [
                ("temperature", config.temperature.map(Value::from)),
                ("top_p", config.top_p.map(Value::from)),
                ("top_k", config.top_k.map(Value::from)),
            ];
            body.extend(sampling.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        Ok(Value::Object(body).to_string().into_bytes())
    }

    fn cached(&self, block: &mut Value) {
        match self.config.cache {
            Cache::Off => {}
            Cache::FiveMinutes => block["cache_control"] = json!({"type": "ephemeral"}),
            Cache::OneHour => block["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"}),
        }
    }

    /// Results and the caller's next words are one message of the user, results first: anything else is refused.
    fn messages(&self, job: &Complete) -> Value {
        let go_on = if self.config.prefill { GoOn::Prefill } else { GoOn::Ask };
        let mut messages: Vec<(&str, Vec<Value>)> = Vec::new();
        for turn in turns(job, go_on) {
            let (role, blocks) = match turn {
                Turn::Caller(text) => ("user", vec![text_block(&text)]),
                Turn::Results(results) => ("user", results.iter().map(result_block).collect()),
                Turn::Agent { text, calls } => {
                    let words = (!text.is_empty()).then(|| text_block(&text));
                    let calls = calls.iter().map(|call| {
                        let input = tools::sent_arguments(&call.arguments);
                        json!({"type": "tool_use", "id": tools::sent_id(&call.id), "name": &*call.name, "input": input})
                    });
                    ("assistant", words.into_iter().chain(calls).collect())
                }
            };
            match messages.last_mut() {
                Some((last, content)) if *last == role => content.extend(blocks),
                _ => messages.push((role, blocks)),
            }
        }
        messages.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
    }
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn result_block(result: &ToolResult) -> Value {
    let mut block =
        json!({"type": "tool_result", "tool_use_id": tools::sent_id(&result.id), "content": &*result.content});
    if result.failed {
        block["is_error"] = true.into();
    }
    block
}

impl HttpVendor for Anthropic {
    type Job = Complete;
    type Reader = Reader;

    fn capabilities(&self) -> Capabilities {
        Capabilities { usage: UsageSource::Reported, ..Capabilities::of(Role::Llm) }
    }

    fn open(&self, job: &Complete) -> Result<(HttpRequest, Reader), ProviderError> {
        let mut request = self.request(Method::Post, &["v1", "messages"], &[])?;
        request.headers.extend([("content-type", "application/json".into()), ("accept", "text/event-stream".into())]);
        request.body = self.body(job)?;
        let reader = Reader::new(Reply::new(job, request.body.len()));
        Ok((request, reader))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        self.request(Method::Get, &["v1", "models"], &[("limit", "1")]).ok()
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        let value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = value.get("error").unwrap_or(&Value::Null);
        let said = Said::of(error);
        let refused = refused(head, said.class(Some(head.status)), said.word(), said.message, None);
        naming(refused, head.header("request-id").or_else(|| value.get("request_id")?.as_str()))
    }
}

/// What an error says, before the stream or in it.
struct Said<'a> {
    kind: &'a str,
    code: &'a str,
    message: &'a str,
}

impl<'a> Said<'a> {
    fn of(error: &'a Value) -> Self {
        let text = |value: Option<&'a Value>| value.and_then(Value::as_str).unwrap_or_default();
        let code = text(error.get("details").and_then(|details| details.get("error_code")));
        Self { kind: text(error.get("type")), code, message: text(error.get("message")) }
    }

    /// The more exact of the two words.
    fn word(&self) -> &'a str {
        if self.code.is_empty() { self.kind } else { self.code }
    }

    /// The first row of the table that matches. Spending limits come as rate limits and have no end today.
    fn class(&self, status: Option<u16>) -> ErrorClass {
        match (self.code, self.kind) {
            ("enforced_spend_limit_reached" | "contract_spend_limit_reached", _) | (_, "billing_error") => {
                ErrorClass::Quota
            }
            (_, "invalid_request_error") if self.message.contains("credit balance is too low") => ErrorClass::Quota,
            (_, "authentication_error" | "permission_error") => ErrorClass::Auth,
            (_, "not_found_error") => ErrorClass::Missing,
            (_, "request_too_large") => ErrorClass::TooLong,
            (_, "invalid_request_error") if self.message.contains("prompt is too long") => ErrorClass::TooLong,
            (_, "overloaded_error" | "api_error" | "timeout_error") => ErrorClass::Unavailable,
            (_, "rate_limit_error") => ErrorClass::RateLimited,
            (_, "invalid_request_error") => ErrorClass::BadRequest,
            _ => status.map_or(ErrorClass::Unavailable, class_of_status),
        }
    }
}

/// Reads a reply of Anthropic.
#[derive(Debug)]
pub struct Reader {
    sse: Sse,
    reply: Reply,
    /// Calls that are being written, by the index of their block.
    drafts: BTreeMap<u64, Draft>,
    counts: Counts,
}

/// The provider's counts. They are cumulative, and the counts of the input may come in the first report only.
#[derive(Debug, Default)]
struct Counts {
    fresh: u64,
    written_to_cache: u64,
    cached: u64,
}

impl Reader {
    fn new(reply: Reply) -> Self {
        Self { sse: Sse::default(), reply, drafts: BTreeMap::new(), counts: Counts::default() }
    }

    fn events(&mut self, out: &mut Output<Complete>) -> Result<Flow<Complete>, ProviderError> {
        while let Some(event) = self.sse.next_event()? {
            if let Flow::Done(done) = self.event(&event, out)? {
                return Ok(Flow::Done(done));
            }
        }
        Ok(Flow::More)
    }

    fn event(&mut self, event: &Event, out: &mut Output<Complete>) -> Result<Flow<Complete>, ProviderError> {
        let value = parse(&event.data)?;
        match value.get("type").and_then(Value::as_str).unwrap_or(&event.name) {
            "message_start" => self.usage(value.get("message").and_then(|message| message.get("usage")), false),
            "content_block_start" => self.block_start(&value, out)?,
            "content_block_delta" => self.block_delta(&value, out)?,
            "content_block_stop" => {
                if let Some(draft) = self.drafts.remove(&index(&value)) {
                    self.reply.call(&draft, None, out)?;
                }
            }
            "message_delta" => {
                self.usage(value.get("usage"), true);
                let reason = value.get("delta").and_then(|delta| delta.get("stop_reason")).and_then(Value::as_str);
                if reason == Some("refusal") {
                    return Err(ProviderError::new(ErrorClass::Refused, "the model stopped with the reason refusal"));
                }
            }
            "message_stop" if !self.drafts.is_empty() => return Err(protocol("the reply ended within a tool call")),
            "message_stop" => return self.reply.done().map(Flow::Done),
            "error" => return Err(failure(value.get("error").unwrap_or(&Value::Null))),
            "ping" => {}
            _ => out.unknown += 1,
        }
        Ok(Flow::More)
    }

    fn block_start(&mut self, value: &Value, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        let block = value.get("content_block").unwrap_or(&Value::Null);
        match block.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text" => self.reply.text(text_of(block, "text")?, out),
            "tool_use" => {
                // Compatible servers put the whole input here and send no deltas.
                let input = block.get("input").and_then(Value::as_object).filter(|input| !input.is_empty());
                let arguments = input.map(|input| Value::Object(input.clone()).to_string()).unwrap_or_default();
                self.reply.grow(arguments.len())?;
                let (id, name) = (text_of(block, "id")?.to_owned(), text_of(block, "name")?.to_owned());
                self.drafts.insert(index(value), Draft { id, name, arguments });
            }
            // Thinking is not for the caller; the tools of the server are its own business.
            "thinking" | "redacted_thinking" => {}
            _ => out.unknown += 1,
        }
        Ok(())
    }

    fn block_delta(&mut self, value: &Value, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        let delta = value.get("delta").unwrap_or(&Value::Null);
        match delta.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text_delta" => self.reply.text(text_of(delta, "text")?, out),
            "input_json_delta" => {
                let piece = text_of(delta, "partial_json")?;
                if let Some(draft) = self.drafts.get_mut(&index(value)) {
                    self.reply.grow(piece.len())?;
                    draft.arguments.push_str(piece);
                }
            }
            "thinking_delta" | "signature_delta" | "citations_delta" => {}
            _ => out.unknown += 1,
        }
        Ok(())
    }

    /// Takes a report; only the last one of a stream counts the output.
    fn usage(&mut self, usage: Option<&Value>, last: bool) {
        let Some(usage) = usage.filter(|usage| usage.is_object()) else { return };
        let count = |name: &str| usage.get(name).and_then(Value::as_u64);
        let counts = &mut self.counts;
        counts.fresh = count("input_tokens").unwrap_or(counts.fresh);
        counts.written_to_cache = count("cache_creation_input_tokens").unwrap_or(counts.written_to_cache);
        counts.cached = count("cache_read_input_tokens").unwrap_or(counts.cached);
        let tokens_in = counts.fresh.saturating_add(counts.written_to_cache).saturating_add(counts.cached);
        let tokens_out = count("output_tokens").filter(|_| last);
        self.reply.counted(tokens_in, counts.cached, tokens_out);
    }
}

impl HttpReader for Reader {
    type Job = Complete;

    fn head(&mut self, head: &Head, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        if let Some(id) = head.header("request-id") {
            self.reply.request_id(id);
        }
        self.reply.report(out);
        sse::expected(head)
    }

    fn read(&mut self, bytes: &[u8], out: &mut Output<Complete>) -> Result<Flow<Complete>, ProviderError> {
        self.sse.feed(bytes);
        let flow = self.events(out);
        self.reply.report(out);
        flow
    }

    fn end(&mut self, out: &mut Output<Complete>) -> Result<Completion, ProviderError> {
        let last = self.sse.end().map_or(Ok(Flow::More), |event| self.event(&event, out));
        self.reply.report(out);
        match last? {
            Flow::Done(done) => Ok(done),
            Flow::More => Err(protocol("the reply ended before message_stop")),
        }
    }
}

/// An error that comes in the stream, where there is no status.
fn failure(error: &Value) -> ProviderError {
    let said = Said::of(error);
    ProviderError::new(said.class(None), detail(0, said.word(), said.message))
}

fn index(value: &Value) -> u64 {
    value.get("index").and_then(Value::as_u64).unwrap_or_default()
}
