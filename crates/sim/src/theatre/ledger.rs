use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{api::Api, play::Play, shared::Shared, ws::Conversation};

/// What the theatre has seen. All times are since it began. Holds no header, no text and no key.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Shared<Book>>);

/// The pages of a [`Ledger`].
#[derive(Debug, Default)]
pub struct Book {
    connections: Pages<ConnectionNote>,
    requests: Pages<RequestNote>,
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub struct ConnectionNote {
    /// Its number, from 0.
    pub id: usize,
    /// When it was accepted.
    pub opened_at: Duration,
    /// When it was over.
    pub closed_at: Option<Duration>,
    /// How many requests came over it.
    pub requests: u32,
}

/// One request, or one socket.
#[derive(Clone, Debug)]
pub struct RequestNote {
    /// Its number, from 0.
    pub id: usize,
    /// The connection it came over.
    pub connection: usize,
    /// Whether another request had come over that connection before.
    pub reused: bool,
    /// The API; `None` for a path that leads nowhere.
    pub api: Option<Api>,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What was played instead of the right answer.
    pub play: Option<Play>,
    /// Whether it had a key.
    pub auth: Auth,
    /// Names of the parameters in the query.
    pub query: Vec<String>,
    /// When its head had come.
    pub head_at: Duration,
    /// When all of it had come.
    pub received_at: Option<Duration>,
    /// When the head of the answer was written.
    pub answered_at: Option<Duration>,
    /// When the first audio, token or text was written: the fake's own part of a delay ends here.
    pub first_output_at: Option<Duration>,
    /// When the last byte was written, or nothing more was.
    pub ended_at: Option<Duration>,
    /// When the client was seen to be gone before the end.
    pub cancelled_at: Option<Duration>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The class of the error it was answered with: the vendor's own code, where it has one.
    pub error: Option<String>,
    /// Bytes of its body.
    pub bytes_in: u64,
    /// Bytes of audio, or of text, in the body of the answer.
    pub bytes_out: u64,
    /// Bytes that were still written once the client had gone, or had cancelled.
    pub bytes_after_cancel: u64,
    /// What it would cost.
    pub billed: Billed,
    /// What it would cost of what was made once the client had gone, or had cancelled.
    pub billed_after_cancel: Billed,
    /// What came over the socket, in its order; the first [`MESSAGES`] of it.
    pub messages: Vec<MessageNote>,
    /// How many messages came, counted to the end.
    pub message_count: u64,
    /// Contexts, or utterances, that were opened on the socket.
    pub contexts_opened: u32,
    /// Contexts, or utterances, that were closed on the socket.
    pub contexts_closed: u32,
    /// How the socket was closed.
    pub close: Option<CloseNote>,
    /// Everything else that is known of the socket; `None` for a request.
    pub socket: Option<Conversation>,
}

/// Whether a request had a key. Never which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// It had none.
    #[default]
    Missing,
    /// It had one in a shape that the vendor does not know.
    Malformed,
    /// As the vendor wants it.
    WellFormed,
}

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// Characters spoken.
    pub characters: u64,
    /// Tokens read.
    pub tokens_in: u64,
    /// Tokens written.
    pub tokens_out: u64,
    /// Audio heard, in ms.
    pub audio_in_ms: u64,
    /// Audio spoken, in ms.
    pub audio_out_ms: u64,
}

impl std::ops::AddAssign for Billed {
    fn add_assign(&mut self, other: Self) {
        self.characters += other.characters;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.audio_in_ms += other.audio_in_ms;
        self.audio_out_ms += other.audio_out_ms;
    }
}

/// One message of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageNote {
    /// When it came.
    pub at: Duration,
    /// What it is: the `type` it carries, or `audio`, `ping`, `pong`, `text`.
    pub kind: String,
    /// Its bytes.
    pub bytes: usize,
}

/// How a socket was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseNote {
    /// When.
    pub at: Duration,
    /// The client's close frame came first.
    pub by_client: bool,
    /// The code of the frame; `None` if the connection ended without one.
    pub code: Option<u16>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared::new(Book::default())))
    }

    /// The last [`KEPT`] requests, oldest first.
    pub fn requests(&self) -> Vec<RequestNote> {
        self.0.look(|book| book.requests.all().cloned().collect())
    }

    /// The requests to one API, oldest first.
    pub fn requests_to(&self, api: Api) -> Vec<RequestNote> {
        self.0.look(|book| book.requests.all().filter(|note| note.api == Some(api)).cloned().collect())
    }

    /// The last [`KEPT`] connections, oldest first.
    pub fn connections(&self) -> Vec<ConnectionNote> {
        self.0.look(|book| book.connections.all().cloned().collect())
    }

    /// How many requests came to an API.
    pub fn count(&self, api: Api) -> usize {
        self.0.look(|book| book.requests.all().filter(|note| note.api == Some(api)).count())
    }

    /// How many requests were answered with this error.
    pub fn count_error(&self, error: &str) -> usize {
        self.0.look(|book| book.requests.all().filter(|note| note.error.as_deref() == Some(error)).count())
    }

    /// Everything that was billed.
    pub fn billed(&self) -> Billed {
        self.0.look(|book| {
            book.requests.all().fold(Billed::default(), |mut sum, note| {
                sum += note.billed;
                sum
            })
        })
    }

    /// Waits until the book is as `wanted`. Has no deadline of its own.
    pub async fn until(&self, mut wanted: impl FnMut(&Book) -> bool) {
        self.0.until(|book| wanted(book)).await;
    }

    pub(super) fn open(&self, at: Duration) -> usize {
        self.0.change(|book| {
            book.connections.add(|id| ConnectionNote { id, opened_at: at, closed_at: None, requests: 0 })
        })
    }

    pub(super) fn close(&self, connection: usize, at: Duration) {
        self.0.change(|book| {
            if let Some(note) = book.connections.page(connection) {
                note.closed_at = Some(at);
            }
        });
    }

    pub(super) fn request(&self, connection: usize, note: RequestNote) -> usize {
        self.0.change(|book| {
            let before = book.connections.page(connection).map_or(0, |note| {
                note.requests += 1;
                note.requests - 1
            });
            book.requests.add(|id| RequestNote { id, connection, reused: before > 0, ..note })
        })
    }

    pub(super) fn note<R: Default>(&self, request: usize, change: impl FnOnce(&mut RequestNote) -> R) -> R {
        self.0.change(|book| book.requests.page(request).map(change).unwrap_or_default())
    }
}

impl Book {
    /// The last [`KEPT`] requests, oldest first.
    pub fn requests(&self) -> impl Iterator<Item = &RequestNote> {
        self.requests.all()
    }

    /// The last [`KEPT`] connections, oldest first.
    pub fn connections(&self) -> impl Iterator<Item = &ConnectionNote> {
        self.connections.all()
    }

    /// The request of this number; `None` for one that has not come, or is no longer kept.
    pub fn request(&self, id: usize) -> Option<&RequestNote> {
        self.requests.kept.get(id.checked_sub(self.requests.dropped)?)
    }

    /// How many requests have ever come.
    pub fn total(&self) -> usize {
        self.requests.dropped + self.requests.kept.len()
    }
}

impl RequestNote {
    pub(super) fn new(method: &str, path: &str, head_at: Duration) -> Self {
        Self {
            id: 0,
            connection: 0,
            reused: false,
            api: None,
            method: method.to_owned(),
            path: path.to_owned(),
            play: None,
            auth: Auth::Missing,
            query: Vec::new(),
            head_at,
            received_at: None,
            answered_at: None,
            first_output_at: None,
            ended_at: None,
            cancelled_at: None,
            status: None,
            error: None,
            bytes_in: 0,
            bytes_out: 0,
            bytes_after_cancel: 0,
            billed: Billed::default(),
            billed_after_cancel: Billed::default(),
            messages: Vec::new(),
            message_count: 0,
            contexts_opened: 0,
            contexts_closed: 0,
            close: None,
            socket: None,
        }
    }

    /// Notes a message of the socket.
    pub fn message(&mut self, at: Duration, kind: impl Into<String>, bytes: usize) {
        self.message_count += 1;
        self.bytes_in += bytes as u64;
        if self.messages.len() < MESSAGES {
            self.messages.push(MessageNote { at, kind: kind.into(), bytes });
        }
    }

    /// The fake's own part of the delay: from the whole request to its first output.
    pub fn own_delay(&self) -> Option<Duration> {
        Some(self.first_output_at?.saturating_sub(self.received_at?))
    }
}

/// A bounded list whose entries keep their numbers.
#[derive(Debug)]
struct Pages<T> {
    dropped: usize,
    kept: VecDeque<T>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { dropped: 0, kept: VecDeque::new() }
    }
}

impl<T> Pages<T> {
    fn add(&mut self, entry: impl FnOnce(usize) -> T) -> usize {
        let id = self.dropped + self.kept.len();
        self.kept.push_back(entry(id));
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            self.dropped += 1;
        }
        id
    }

    fn page(&mut self, id: usize) -> Option<&mut T> {
        self.kept.get_mut(id.checked_sub(self.dropped)?)
    }

    fn all(&self) -> impl Iterator<Item = &T> {
        self.kept.iter()
    }
}

/// How many connections, and how many requests, a ledger keeps.
pub const KEPT: usize = 65_536;

/// How many messages of one socket it keeps: a minute of audio in pieces of 20 ms.
pub const MESSAGES: usize = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_the_oldest_and_numbers_stay() {
        let mut pages = Pages::default();
        for number in 0..KEPT + 3 {
            assert_eq!(pages.add(|id| id), number);
        }
        assert_eq!(pages.all().next(), Some(&3));
        assert_eq!(pages.page(2), None);
        assert_eq!(pages.page(3), Some(&mut 3));
        assert_eq!(pages.page(KEPT + 2), Some(&mut (KEPT + 2)));
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let ledger = Ledger::new();
        let connection = ledger.open(Duration::ZERO);
        let wait = ledger.until(|book| book.requests().any(|note| note.status == Some(200)));
        let write = async {
            for reused in [false, true] {
                let id = ledger.request(connection, RequestNote::new("GET", "/", Duration::ZERO));
                assert_eq!(ledger.requests()[id].reused, reused);
            }
            ledger.note(1, |note| note.status = Some(200));
        };
        tokio::join!(wait, write);
    }
}
