//! `OpenAI` chat completions, and everything that is shaped like it: llama.cpp, vLLM, Ollama, LM Studio, gateways (reference
//! 5.2 and 5.4; official SDK and the servers' sources, read 2026-11).

use operetta_contract::{
    ApiKey, Capabilities, Complete, Completion, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method,
    Output, ProviderError, Role, Tool, ToolCall, ToolResult, UsageSource,
};
use serde_json::{Map, Value, json};

use crate::shape::{
    http_address,
    json::{parse, protocol, text_of},
    openai,
    reply::{Draft, Reply},
    request_id::naming,
    sse::{self, Event, Sse},
    tools,
    turns::{GoOn, Turn, turns},
};

/// How to ask `OpenAI`, or a server of its shape.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key; none is sent when it is empty, as most local servers want none.
    pub key: ApiKey,
    /// `https://host[:port]`; `https://api.openai.com` by default.
    pub base_url: String,
    /// The model's id.
    pub model: String,
    /// The longest reply, in tokens; 400 by default, about a minute and a half of speech.
    pub max_tokens: u32,
    /// Under which name the longest reply is sent.
    pub limit: LimitField,
    /// 0 to 2; the model's default when `None`. Reasoning models refuse it.
    pub temperature: Option<f32>,
    /// `none`, `low` …: reasoning models, which should reason as little as they can while a caller waits.
    pub reasoning_effort: Option<String>,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<String>,
    /// Stable for each agent: requests with the same key find the same cache.
    pub cache_key: Option<String>,
    /// `auto`, `default`, `priority` …
    pub service_tier: Option<String>,
    /// Asks for a report of the tokens at the end; true by default. Servers that do not know `stream_options` need `false`.
    pub report_usage: bool,
    /// Asks to leave out the padding that hides the lengths of tokens: `OpenAI` itself only.
    pub without_padding: bool,
}

/// The name of the field with the longest reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitField {
    /// `max_completion_tokens`: what `OpenAI` takes, and the only one that its reasoning models take.
    MaxCompletionTokens,
    /// `max_tokens`: what every other server takes.
    MaxTokens,
}

impl LimitField {
    /// The field for `model` at a server that is not `OpenAI` itself. Behind a gateway or in another cloud, the maker's own models
    /// that reason take what they take at home.
    pub fn elsewhere(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let reasons = ["gpt-5", "gpt-6", "o1", "o3", "o4"].iter().any(|family| name.starts_with(family));
        if reasons { Self::MaxCompletionTokens } else { Self::MaxTokens }
    }
}

impl Config {
    /// The defaults for `OpenAI` itself with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://api.openai.com".to_owned(),
            model: model.into(),
            max_tokens: 400,
            limit: LimitField::MaxCompletionTokens,
            temperature: None,
            reasoning_effort: None,
            verbosity: None,
            cache_key: None,
            service_tier: None,
            report_usage: true,
            without_padding: true,
        }
    }

    /// The defaults for a local server at `base_url`: no key, and only the fields that all of them know.
    pub fn local(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            limit: LimitField::MaxTokens,
            without_padding: false,
            ..Self::new(ApiKey::new(""), model)
        }
    }
}

/// `OpenAI` and its like.
#[derive(Clone, Debug)]
pub struct OpenAiChat {
    config: Config,
}

impl OpenAiChat {
    /// The provider with these settings.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<HttpRequest, ProviderError> {
        let url = http_address(&self.config.base_url, path, &[])?;
        let key = (!self.config.key.is_empty()).then(|| ("authorization", self.config.key.header("Bearer ")));
        Ok(HttpRequest { method, url, headers: key.into_iter().collect(), body: Vec::new() })
    }

    fn body(&self, job: &Complete) -> Result<Vec<u8>, ProviderError> {
        let config = &self.config;
        let mut body = Map::new();
        body.insert("model".into(), config.model.clone().into());
        body.insert("messages".into(), messages(job));
        body.insert("stream".into(), true.into());
        let limit = match config.limit {
            LimitField::MaxCompletionTokens => "max_completion_tokens",
            LimitField::MaxTokens => "max_tokens",
        };
        body.insert(limit.into(), config.max_tokens.into());
        let mut stream = Map::new();
        if config.report_usage {
            stream.insert("include_usage".into(), true.into());
        }
        if config.without_padding {
            stream.insert("include_obfuscation".into(), false.into());
        }
        if !stream.is_empty() {
            body.insert("stream_options".into(), stream.into());
        }
        if !job.tools.is_empty() {
            let list = job.tools.iter().map(function).collect::<Result<Vec<_>, _>>()?;
            body.insert("tools".into(), list.into());
        }
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let optional = [
            ("temperature", config.temperature.map(Value::from)),
            ("reasoning_effort", text(&config.reasoning_effort)),
            ("verbosity", text(&config.verbosity)),
            ("prompt_cache_key", text(&config.cache_key)),
            ("service_tier", text(&config.service_tier)),
        ];
        body.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(Value::Object(body).to_string().into_bytes())
    }
}

fn function(tool: &Tool) -> Result<Value, ProviderError> {
    let schema = tools::schema(tool)?;
    let function = json!({"name": &*tool.name, "description": &*tool.description, "parameters": schema});
    Ok(json!({"type": "function", "function": function}))
}

fn messages(job: &Complete) -> Value {
    let mut messages = Vec::new();
    if !job.prompt.trim().is_empty() {
        messages.push(json!({"role": "system", "content": &*job.prompt}));
    }
    for turn in turns(job, GoOn::Ask) {
        match turn {
            Turn::Caller(text) => messages.push(json!({"role": "user", "content": text})),
            Turn::Agent { text, calls } if calls.is_empty() => {
                messages.push(json!({"role": "assistant", "content": text}));
            }
            // Templates of local servers print a content of `null`, so it is an empty text.
            Turn::Agent { text, calls } => {
                let calls: Value = calls.iter().map(called).collect();
                messages.push(json!({"role": "assistant", "content": text, "tool_calls": calls}));
            }
            Turn::Results(results) => messages.extend(results.iter().map(returned)),
        }
    }
    messages.into()
}

fn called(call: &ToolCall) -> Value {
    let function = json!({"name": &*call.name, "arguments": &*call.arguments});
    json!({"id": tools::sent_id(&call.id), "type": "function", "function": function})
}

fn returned(result: &ToolResult) -> Value {
    // There is no field that tells a failure from a success.
    let content =
        if result.failed { format!("The tool failed: {}", result.content) } else { (*result.content).to_owned() };
    json!({"role": "tool", "tool_call_id": tools::sent_id(&result.id), "content": content})
}

impl HttpVendor for OpenAiChat {
    type Job = Complete;
    type Reader = Reader;

    fn capabilities(&self) -> Capabilities {
        let usage = if self.config.report_usage { UsageSource::Reported } else { UsageSource::Counted };
        Capabilities { usage, ..Capabilities::of(Role::Llm) }
    }

    fn open(&self, job: &Complete) -> Result<(HttpRequest, Reader), ProviderError> {
        let mut request = self.request(Method::Post, &["v1", "chat", "completions"])?;
        request.headers.extend([("content-type", "application/json".into()), ("accept", "text/event-stream".into())]);
        request.body = self.body(job)?;
        let reader = Reader::new(Reply::new(job, request.body.len()));
        Ok((request, reader))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        self.request(Method::Get, &["v1", "models"]).ok()
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        naming(openai::refusal(head, body), head.header("x-request-id"))
    }
}

/// Reads a reply of a chat completion.
///
/// Calls are gathered by their index, or by their id where a server sends no index or the same one for all. They are passed
/// on with the reason for the end, whatever it is: some servers say `stop` although they call.
#[derive(Debug)]
pub struct Reader {
    sse: Sse,
    reply: Reply,
    drafts: Vec<(Option<u64>, Draft)>,
    /// A reason for the end has come: without one, a body that ends is cut off.
    finished: bool,
}

impl Reader {
    fn new(reply: Reply) -> Self {
        Self { sse: Sse::default(), reply, drafts: Vec::new(), finished: false }
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
        if event.is_done() {
            self.calls(out)?;
            return self.reply.done().map(Flow::Done);
        }
        let chunk = parse(&event.data)?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(openai::error_in_stream(error));
        }
        let usage = chunk.get("usage").filter(|usage| usage.is_object());
        if let Some(usage) = usage {
            self.usage(usage);
        }
        match chunk.get("choices") {
            Some(Value::Array(choices)) => {
                for choice in choices.iter().filter(|choice| index(choice).unwrap_or(0) == 0) {
                    self.choice(choice, out)?;
                }
            }
            None | Some(Value::Null) => out.unknown += u32::from(usage.is_none()),
            Some(_) => return Err(protocol("a list was expected in the field \"choices\" of a chunk")),
        }
        Ok(Flow::More)
    }

    fn choice(&mut self, choice: &Value, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        let delta = choice.get("delta").unwrap_or(&Value::Null);
        self.reply.text(text_of(delta, "content")?, out);
        if !text_of(delta, "refusal")?.is_empty() {
            return Err(ProviderError::new(ErrorClass::Refused, "the model refuses"));
        }
        for fragment in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.fragment(fragment)?;
        }
        match text_of(choice, "finish_reason")? {
            "" => Ok(()),
            "content_filter" => Err(ProviderError::new(ErrorClass::Refused, "the content filter stopped the reply")),
            _ => {
                self.finished = true;
                self.calls(out)
            }
        }
    }

    /// A piece of a call. Id and name come with the first piece as a rule; arguments may be an object instead of text.
    fn fragment(&mut self, fragment: &Value) -> Result<(), ProviderError> {
        let function = fragment.get("function").unwrap_or(&Value::Null);
        let (id, name) = (text_of(fragment, "id")?, text_of(function, "name")?);
        let arguments = match function.get("arguments") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(piece)) => piece.clone(),
            Some(whole) => whole.to_string(),
        };
        self.reply.grow(id.len() + name.len() + arguments.len() + 1)?;
        let draft = self.draft(index(fragment), id, name);
        if draft.id.is_empty() {
            id.clone_into(&mut draft.id);
        }
        if draft.name.is_empty() {
            name.clone_into(&mut draft.name);
        }
        draft.arguments.push_str(&arguments);
        Ok(())
    }

    /// The call that a piece belongs to: the last one of its index, or the last one at all; a new one when its id is new
    /// there, or when neither id nor index say so but a name begins it.
    fn draft(&mut self, index: Option<u64>, id: &str, name: &str) -> &mut Draft {
        let found = self.drafts.iter().rposition(|(other, draft)| match index {
            Some(_) => *other == index,
            None => id.is_empty() || draft.id == id,
        });
        let same = |draft: &Draft| {
            let other_id = !id.is_empty() && !draft.id.is_empty() && draft.id != id;
            let begins_another = index.is_none() && id.is_empty() && !name.is_empty() && !draft.name.is_empty();
            !other_id && !begins_another
        };
        let place = match found {
            Some(place) if same(&self.drafts[place].1) => place,
            _ => {
                self.drafts.push((index, Draft::default()));
                self.drafts.len() - 1
            }
        };
        &mut self.drafts[place].1
    }

    fn calls(&mut self, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        for (_, draft) in std::mem::take(&mut self.drafts) {
            self.reply.call(&draft, None, out)?;
        }
        Ok(())
    }

    fn usage(&mut self, usage: &Value) {
        let count = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or_default();
        let cached = count(usage.get("prompt_tokens_details").and_then(|details| details.get("cached_tokens")));
        self.reply.counted(count(usage.get("prompt_tokens")), cached, Some(count(usage.get("completion_tokens"))));
    }
}

impl HttpReader for Reader {
    type Job = Complete;

    fn head(&mut self, head: &Head, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        if let Some(id) = head.header("x-request-id") {
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
            // Some servers never send [DONE].
            Flow::More if self.finished => self.reply.done(),
            Flow::More => Err(protocol("the reply ended before [DONE] and without a finish_reason")),
        }
    }
}

fn index(value: &Value) -> Option<u64> {
    value.get("index").and_then(Value::as_u64)
}
