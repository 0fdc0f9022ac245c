//! Gemini, by its own API (reference 5.5; Google's documentation, read 2026-11).

use operetta_contract::{
    ApiKey, Capabilities, Complete, Completion, ErrorClass, Flow, Head, HttpReader, HttpRequest, HttpVendor, Method,
    Output, ProviderError, Role, Tool, ToolCall, ToolResult, UsageSource,
};
use serde_json::{Value, json};

use crate::shape::{
    google, http_address,
    json::{parse, protocol, text_of},
    quote::quote,
    reply::{Draft, Reply},
    sse::{self, Event, Sse},
    tools,
    turns::{GoOn, Turn, turns},
};

/// How to ask Gemini.
#[derive(Clone, Debug)]
pub struct Config {
    /// The key, sent as `x-goog-api-key`.
    pub key: ApiKey,
    /// `https://host[:port]`; `https://generativelanguage.googleapis.com` by default.
    pub base_url: String,
    /// The model's id, with or without `models/` in front.
    pub model: String,
    /// The longest reply, in tokens, thinking included; 400 by default.
    pub max_tokens: u32,
    /// 0 to 2; the model's default when `None`.
    pub temperature: Option<f32>,
    /// How much the model thinks before it speaks.
    pub thinking: Thinking,
    /// Calls that another provider made are sent with the word that Google lets pass in place of a thought signature; true by
    /// default. Without it, models from Gemini 3 on refuse such a conversation with 400.
    pub seal_foreign_calls: bool,
}

/// How much a model thinks. Which of the two fields a model knows depends on its generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// The model's default; nothing is sent.
    Default,
    /// `thinkingBudget`, in tokens; 0 is none.
    Budget(i32),
    /// `thinkingLevel`: `minimal`, `low` …
    Level(String),
}

impl Config {
    /// The defaults with this key and model.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        Self {
            key,
            base_url: "https://generativelanguage.googleapis.com".to_owned(),
            model: model.into(),
            max_tokens: 400,
            temperature: None,
            thinking: Thinking::Default,
            seal_foreign_calls: true,
        }
    }
}

/// Gemini.
#[derive(Clone, Debug)]
pub struct Gemini {
    config: Config,
}

/// What Google lets pass in place of a signature (its page on thought signatures, section on calls of other models).
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

impl Gemini {
    /// The provider with these settings.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn request(&self, method: Method, model: &str, query: &[(&str, &str)]) -> Result<HttpRequest, ProviderError> {
        Ok(HttpRequest {
            method,
            url: http_address(
                &self.config.base_url,
                &["v1beta", "models", model.trim_start_matches("models/")],
                query,
            )?,
            headers: vec![("x-goog-api-key", self.config.key.header(""))],
            body: Vec::new(),
        })
    }

    fn body(&self, job: &Complete) -> Result<Vec<u8>, ProviderError> {
        let config = &self.config;
        let mut generation = json!({"maxOutputTokens": config.max_tokens});
        if let Some(temperature) = config.temperature {
            generation["temperature"] = temperature.into();
        }
        match &config.thinking {
            Thinking::Default => {}
            Thinking::Budget(tokens) => generation["thinkingConfig"] = json!({"thinkingBudget": tokens}),
            Thinking::Level(level) => generation["thinkingConfig"] = json!({"thinkingLevel": level}),
        }
        let mut body = json!({"contents": self.contents(job), "generationConfig": generation});
        if !job.prompt.trim().is_empty() {
            body["systemInstruction"] = json!({"parts": [{"text": &*job.prompt}]});
        }
        if !job.tools.is_empty() {
            let list = job.tools.iter().map(declaration).collect::<Result<Vec<_>, _>>()?;
            body["tools"] = json!([{"functionDeclarations": list}]);
        }
        Ok(body.to_string().into_bytes())
    }

    /// Results are a message of their own: it must have as many of them as the one before has calls, and nothing else.
    fn contents(&self, job: &Complete) -> Value {
        let content = |turn| match turn {
            Turn::Caller(text) => json!({"role": "user", "parts": [{"text": text}]}),
            Turn::Results(results) => {
                json!({"role": "user", "parts": results.iter().map(response).collect::<Vec<_>>()})
            }
            Turn::Agent { text, calls } => {
                let mut parts: Vec<Value> = (!text.is_empty()).then(|| json!({"text": text})).into_iter().collect();
                // Of calls that were made together, only the first one has a signature.
                let foreign = self.config.seal_foreign_calls && calls.iter().all(|call| call.seal.is_none());
                for (at, call) in calls.iter().enumerate() {
                    let seal = call.seal.as_deref().or((foreign && at == 0).then_some(NO_SIGNATURE));
                    parts.push(function_call(call, seal));
                }
                json!({"role": "model", "parts": parts})
            }
        };
        turns(job, GoOn::Ask).into_iter().map(content).collect()
    }
}

fn function_call(call: &ToolCall, seal: Option<&str>) -> Value {
    let args = tools::sent_arguments(&call.arguments);
    let mut part = json!({"functionCall": {"id": tools::sent_id(&call.id), "name": &*call.name, "args": args}});
    if let Some(seal) = seal {
        part["thoughtSignature"] = seal.into();
    }
    part
}

fn response(result: &ToolResult) -> Value {
    let response = match serde_json::from_str(&result.content) {
        _ if result.failed => json!({"error": &*result.content}),
        Ok(object @ Value::Object(_)) => object,
        _ => json!({"output": &*result.content}),
    };
    json!({"functionResponse": {"id": tools::sent_id(&result.id), "name": &*result.name, "response": response}})
}

/// Gemini takes a part of JSON Schema and refuses the rest; an object without properties is no schema to it.
fn declaration(tool: &Tool) -> Result<Value, ProviderError> {
    let mut schema = tools::schema(tool)?;
    let has_properties = schema.get("properties").and_then(Value::as_object).is_some_and(|list| !list.is_empty());
    let mut declaration = json!({"name": &*tool.name, "description": &*tool.description});
    if has_properties {
        plain(&mut schema, 0);
        declaration["parameters"] = schema;
    }
    Ok(declaration)
}

/// Takes out of a schema, at every depth, what Gemini does not know.
fn plain(schema: &mut Value, depth: u8) {
    let Some(schema) = schema.as_object_mut().filter(|_| depth < 32) else { return };
    for name in ["$schema", "$id", "$comment", "additionalProperties", "strict"] {
        schema.remove(name);
    }
    for (name, inner) in schema {
        match (name.as_str(), inner) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(|inner| plain(inner, depth + 1));
            }
            ("items", inner) => plain(inner, depth + 1),
            ("anyOf", Value::Array(choices)) => choices.iter_mut().for_each(|inner| plain(inner, depth + 1)),
            _ => {}
        }
    }
}

impl HttpVendor for Gemini {
    type Job = Complete;
    type Reader = Reader;

    fn capabilities(&self) -> Capabilities {
        Capabilities { usage: UsageSource::Reported, ..Capabilities::of(Role::Llm) }
    }

    fn open(&self, job: &Complete) -> Result<(HttpRequest, Reader), ProviderError> {
        let model = format!("{}:streamGenerateContent", self.config.model);
        // Without it the reply is one JSON array in pieces.
        let mut request = self.request(Method::Post, &model, &[("alt", "sse")])?;
        request.headers.extend([("content-type", "application/json".into()), ("accept", "text/event-stream".into())]);
        request.body = self.body(job)?;
        let reader = Reader { sse: Sse::default(), reply: Reply::new(job, request.body.len()) };
        Ok((request, reader))
    }

    fn warm_up(&self) -> Option<HttpRequest> {
        self.request(Method::Get, &self.config.model, &[]).ok()
    }

    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError {
        google::refusal(head, body)
    }
}

/// Reads a reply of Gemini. The chunk with the reason for the end is the last one.
#[derive(Debug)]
pub struct Reader {
    sse: Sse,
    reply: Reply,
}

impl Reader {
    fn events(&mut self, out: &mut Output<Complete>) -> Result<Flow<Complete>, ProviderError> {
        while let Some(event) = self.sse.next_event()? {
            if let Flow::Done(done) = self.event(&event, out)? {
                return Ok(Flow::Done(done));
            }
        }
        Ok(Flow::More)
    }

    fn event(&mut self, event: &Event, out: &mut Output<Complete>) -> Result<Flow<Complete>, ProviderError> {
        let chunk = parse(&event.data)?;
        if let Some(error) = google::error_in(&chunk) {
            return Err(error);
        }
        self.usage(&chunk);
        if let Some(id) = chunk.get("responseId").and_then(Value::as_str) {
            self.reply.request_id(id);
        }
        if let Some(feedback) = chunk.get("promptFeedback") {
            let reason = text_of(feedback, "blockReason")?;
            if !reason.is_empty() {
                return Err(refusal("the prompt was blocked", reason));
            }
        }
        let candidates = chunk.get("candidates").and_then(Value::as_array);
        out.unknown += u32::from(candidates.is_none() && chunk.get("usageMetadata").is_none());
        let first = |candidate: &&Value| candidate.get("index").and_then(Value::as_u64).unwrap_or(0) == 0;
        match candidates.into_iter().flatten().find(first) {
            Some(candidate) => self.candidate(candidate, out),
            None => Ok(Flow::More),
        }
    }

    fn candidate(&mut self, candidate: &Value, out: &mut Output<Complete>) -> Result<Flow<Complete>, ProviderError> {
        let parts = candidate.get("content").and_then(|content| content.get("parts")).unwrap_or(&Value::Null);
        match parts {
            Value::Array(parts) => parts.iter().try_for_each(|part| self.part(part, out))?,
            Value::Null => {}
            _ => return Err(protocol("a list was expected in the field \"parts\" of a candidate")),
        }
        match text_of(candidate, "finishReason")? {
            "" => Ok(Flow::More),
            reason @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "IMAGE_SAFETY") => Err(refusal("the reply was stopped", reason)),
            reason @ ("MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL") => {
                Err(protocol(format!("the model made a call that cannot be used: {reason}")))
            }
            _ => self.reply.done().map(Flow::Done),
        }
    }

    fn part(&mut self, part: &Value, out: &mut Output<Complete>) -> Result<(), ProviderError> {
        if part.get("thought").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        if let Some(call) = part.get("functionCall") {
            let arguments = call.get("args").filter(|args| !args.is_null()).map(Value::to_string).unwrap_or_default();
            self.reply.grow(arguments.len())?;
            let (id, name) = (text_of(call, "id")?.to_owned(), text_of(call, "name")?.to_owned());
            let seal = part.get("thoughtSignature").and_then(Value::as_str);
            return self.reply.call(&Draft { id, name, arguments }, seal, out);
        }
        if part.get("text").is_some() {
            self.reply.text(text_of(part, "text")?, out);
        } else {
            out.unknown += 1;
        }
        Ok(())
    }

    fn usage(&mut self, chunk: &Value) {
        let Some(usage) = chunk.get("usageMetadata").filter(|usage| usage.is_object()) else { return };
        let count = |name: &str| usage.get(name).and_then(Value::as_u64);
        // The first chunks count the prompt only.
        let written = count("candidatesTokenCount");
        let written = written.map(|written| written.saturating_add(count("thoughtsTokenCount").unwrap_or_default()));
        let cached = count("cachedContentTokenCount").unwrap_or_default();
        self.reply.counted(count("promptTokenCount").unwrap_or_default(), cached, written);
    }
}

fn refusal(what: &str, reason: &str) -> ProviderError {
    ProviderError::new(ErrorClass::Refused, format!("{what}: {}", quote(reason)))
}

impl HttpReader for Reader {
    type Job = Complete;

    fn head(&mut self, head: &Head, out: &mut Output<Complete>) -> Result<(), ProviderError> {
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
            Flow::More => Err(protocol("the reply ended without a finishReason")),
        }
    }
}
