use std::fmt;

use crate::{Capabilities, HeaderValue, Job, ProviderError, Usage};

/// A provider that is asked by one HTTP request for each job and answers in its reply: the codec, pure.
///
/// It writes the request and reads the reply. Who sends, waits, cancels and counts is the worker.
pub trait HttpVendor: 'static {
    /// What it does.
    type Job: Job;
    /// Reads one reply.
    type Reader: HttpReader<Job = Self::Job>;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The request for a job, and who reads the reply.
    ///
    /// # Errors
    /// The job cannot be asked of this provider at all: [`BadRequest`](crate::ErrorClass::BadRequest).
    fn open(&self, job: &Self::Job) -> Result<(HttpRequest, Self::Reader), ProviderError>;

    /// A request that costs nothing, opens a connection and shows whether the key is right; `None` where the API has none.
    fn warm_up(&self) -> Option<HttpRequest> {
        None
    }

    /// What a reply means whose status is not 2xx. `body` holds its first 64 KiB, and may be empty or HTML.
    fn refusal(&self, head: &Head, body: &[u8]) -> ProviderError;
}

/// Reads one reply whose status is 2xx.
pub trait HttpReader: 'static {
    /// What it is a reply to.
    type Job: Job;

    /// Judges the head.
    ///
    /// # Errors
    /// It cannot be a reply to the job: another content type than was asked for.
    fn head(&mut self, head: &Head, out: &mut Output<Self::Job>) -> Result<(), ProviderError>;

    /// Reads the next bytes of the body, cut anywhere.
    ///
    /// # Errors
    /// They are not what the protocol promises, or tell of a failure. The job ends.
    fn read(&mut self, bytes: &[u8], out: &mut Output<Self::Job>) -> Result<Flow<Self::Job>, ProviderError>;

    /// The body has ended, properly. Not called once the job is done.
    ///
    /// # Errors
    /// It ended too early.
    fn end(&mut self, out: &mut Output<Self::Job>) -> Result<<Self::Job as Job>::Event, ProviderError>;
}

/// Whether more is to come.
pub enum Flow<J: Job> {
    /// The job goes on.
    More,
    /// The job ends well, with this event.
    Done(J::Event),
}

/// What a codec has read so far and nobody has taken yet.
pub struct Output<J: Job> {
    /// Events, none of them the last.
    pub events: Vec<J::Event>,
    /// What the job cost as far as is known; the last report counts.
    pub usage: Usage,
    /// How many messages were of a kind that the codec does not know.
    pub unknown: u32,
}

impl<J: Job> Default for Output<J> {
    fn default() -> Self {
        Self { events: Vec::new(), usage: Usage::default(), unknown: 0 }
    }
}

impl<J: Job> fmt::Debug for Output<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("events", &self.events.len()).field("usage", &self.usage).finish_non_exhaustive()
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL. Never holds a secret: URLs reach logs.
    pub url: String,
    /// Headers: names in lower case.
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// The methods that providers need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// The head of a reply.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Headers: names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The content type without its parameters, in lower case; empty when there is none.
    pub fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}
