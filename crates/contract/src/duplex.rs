use std::time::Duration;

use crate::{Capabilities, ErrorClass, Flow, HeaderValue, Job, Output, ProviderError, quote::quote};

/// A provider that is talked to over a WebSocket: the codec, pure.
///
/// It says which socket to open and what to write, and reads what comes. Who connects, waits, answers pings, joins fragments,
/// cancels and counts is the worker.
pub trait DuplexVendor: 'static {
    /// What it does.
    type Job: Job;
    /// Talks over one socket.
    type Codec: DuplexCodec<Job = Self::Job>;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The socket for a job, and who talks over it.
    ///
    /// # Errors
    /// The job cannot be asked of this provider at all: [`BadRequest`](ErrorClass::BadRequest).
    fn open(&self, job: &Self::Job) -> Result<(SocketRequest, Self::Codec), ProviderError>;

    /// Whether a socket that was opened for one job can serve `job` as well: the parameters of the address are the same.
    /// Sockets of providers that never say yes serve one job.
    fn fits(&self, codec: &Self::Codec, job: &Self::Job) -> bool {
        let _ = (codec, job);
        false
    }

    /// The socket to open before any job asks for one; `None` when that needs to be known.
    fn warm_up(&self) -> Option<Self::Job> {
        None
    }

    /// What a refused upgrade means. Only the status is known.
    fn refusal(&self, status: u16) -> ProviderError {
        refused_upgrade(status)
    }
}

/// Talks over one socket. `now` is the time since the socket was opened.
pub trait DuplexCodec: 'static {
    /// What it talks about.
    type Job: Job;

    /// The socket is open: what has to be said first.
    fn opened(&mut self, now: Duration, wire: &mut Wire<Self::Job>);

    /// Whether the server has said what it must before a job may begin. What a job says before waits at the worker.
    fn is_ready(&self) -> bool {
        true
    }

    /// A job begins. There is one at a time.
    fn begin(&mut self, now: Duration, job: &Self::Job, wire: &mut Wire<Self::Job>);

    /// The asker feeds a piece.
    fn feed(&mut self, now: Duration, piece: <Self::Job as Job>::Feed, wire: &mut Wire<Self::Job>);

    /// Reads a message. May be called while no job runs: late answers of one that was cancelled are not events.
    ///
    /// # Errors
    /// The message breaks the protocol, or tells of a failure: the job and the socket end.
    fn hear(
        &mut self,
        now: Duration,
        message: Message<'_>,
        wire: &mut Wire<Self::Job>,
    ) -> Result<Flow<Self::Job>, ProviderError>;

    /// When [`tick`](Self::tick) wants to be called at the latest: for keep-alives, and for answers that do not come.
    fn wake_at(&self) -> Option<Duration> {
        None
    }

    /// Time has passed.
    ///
    /// # Errors
    /// An answer has not come in time: the job and the socket end.
    fn tick(&mut self, now: Duration, wire: &mut Wire<Self::Job>) -> Result<Flow<Self::Job>, ProviderError> {
        let _ = (now, wire);
        Ok(Flow::More)
    }

    /// Nothing more of the running job is wanted.
    fn cancel(&mut self, now: Duration, wire: &mut Wire<Self::Job>);

    /// Whether the socket can serve another job.
    fn rest(&self) -> Rest {
        Rest::Spent
    }

    /// The socket is not wanted any more: what is said in farewell, before the close frame.
    fn farewell(&mut self, now: Duration, wire: &mut Wire<Self::Job>) {
        let _ = (now, wire);
    }

    /// What it means that the server has closed, with this code (`None`: without a close frame) and reason. Called while a job
    /// runs; an error that was read before goes first.
    fn closed(&self, code: Option<u16>, reason: &str) -> ProviderError {
        closed_by_server(code, reason)
    }
}

/// Whether a socket can serve another job once one has ended or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// At once.
    Ready,
    /// When something has come that is still on its way: go on reading.
    Draining,
    /// Never: close it.
    Spent,
}

/// Which socket to open.
#[derive(Clone, Debug)]
pub struct SocketRequest {
    /// `ws:` or `wss:` URL. Never holds a secret: URLs reach logs.
    pub url: String,
    /// Headers: names in lower case.
    pub headers: Vec<(&'static str, HeaderValue)>,
}

/// What a server says: a whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, valid UTF-8.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// What is said to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A text message.
    Text(String),
    /// A binary message; never empty.
    Binary(Vec<u8>),
}

/// What a codec has to say and what it has read.
pub struct Wire<J: Job> {
    /// To be sent, in order.
    pub send: Vec<Outgoing>,
    /// What was read.
    pub output: Output<J>,
}

impl<J: Job> Default for Wire<J> {
    fn default() -> Self {
        Self { send: Vec::new(), output: Output::default() }
    }
}

/// What the status of a refused upgrade means, where nothing else is known.
pub fn refused_upgrade(status: u16) -> ProviderError {
    ProviderError::new(class_of_status(status), format!("the upgrade was refused with status {status}"))
}

/// What a status means, where nothing else is known.
pub const fn class_of_status(status: u16) -> ErrorClass {
    match status {
        401 | 403 => ErrorClass::Auth,
        402 => ErrorClass::Quota,
        408 | 409 | 425 | 500.. => ErrorClass::Unavailable,
        413 => ErrorClass::TooLong,
        429 => ErrorClass::RateLimited,
        300..=399 | 404 => ErrorClass::Missing,
        _ => ErrorClass::BadRequest,
    }
}

/// What a close code means, where nothing else is known (RFC 6455, section 7.4.1).
pub fn closed_by_server(code: Option<u16>, reason: &str) -> ProviderError {
    let class = match code {
        Some(1000 | 1001) => ErrorClass::SessionExpired,
        None | Some(1005 | 1006 | 1011 | 1012 | 1013 | 1014 | 1015) => ErrorClass::Unavailable,
        Some(1009) => ErrorClass::TooLong,
        Some(1003 | 1007 | 1008) => ErrorClass::BadRequest,
        Some(_) => ErrorClass::Protocol,
    };
    let reason = quote(reason);
    let code = code.map_or_else(|| "no code".to_owned(), |code| format!("code {code}"));
    ProviderError::new(class, format!("the server closed the socket: {code}, {reason:?}"))
}
