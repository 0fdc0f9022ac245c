use std::time::Duration;

use super::super::ledger::Billed;

/// An answer as a vendor gives it, before anything goes wrong with it.
pub(in crate::theatre) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The vendor's word for what was wrong.
    pub(super) error: Option<String>,
    /// What was read and will be billed, whatever comes of it.
    pub(super) billed: Billed,
    pub(super) shape: Shape,
    /// When the head goes, since the whole request had come.
    pub(super) head_at: Duration,
    pub(super) beats: Beats,
}

/// What a body is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One document, its length told in the head.
    Document,
    /// Raw audio, as it is made.
    Audio,
    /// Server-sent events.
    Events,
}

/// The pieces of a body, in their order.
pub(super) type Beats = Box<dyn Iterator<Item = Beat> + Send>;

/// A piece of a body.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    /// When, since the whole request had come.
    pub(super) at: Duration,
    pub(super) part: Part,
    pub(super) what: What,
    pub(super) billed: Billed,
}

/// What a piece is to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Says that output will come.
    Prelude,
    /// What was asked for.
    Output,
    /// Says that it is over, and what it cost.
    End,
    /// The `[DONE]` behind it.
    Done,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Bytes(Vec<u8>),
    Event { name: Option<&'static str>, data: String },
}

impl Beat {
    pub(super) fn bytes(at: Duration, bytes: Vec<u8>) -> Self {
        Self { at, part: Part::Output, what: What::Bytes(bytes), billed: Billed::default() }
    }

    pub(super) fn event(at: Duration, part: Part, name: Option<&'static str>, data: &(impl ToString + ?Sized)) -> Self {
        Self { at, part, what: What::Event { name, data: data.to_string() }, billed: Billed::default() }
    }

    /// The same, and what it costs.
    pub(super) fn billed(mut self, billed: Billed) -> Self {
        self.billed = billed;
        self
    }
}

impl Answer {
    /// A document.
    pub(super) fn document(content_type: &'static str, at: Duration, body: impl Into<Vec<u8>>) -> Self {
        let beat = Beat::bytes(at, body.into());
        Self::new(Shape::Document, content_type, at, Box::new(std::iter::once(beat)))
    }

    pub(super) fn new(shape: Shape, content_type: &'static str, head_at: Duration, beats: Beats) -> Self {
        Self {
            status: 200,
            content_type,
            headers: Vec::new(),
            error: None,
            billed: Billed::default(),
            shape,
            head_at,
            beats,
        }
    }

    /// The same with one more header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same, and what was read.
    pub(super) fn billed(mut self, billed: Billed) -> Self {
        self.billed = billed;
        self
    }
}

impl What {
    /// As it goes over the wire; `odd`: in another spelling of the same (H23).
    pub(super) fn encode(self, odd: bool) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Event { data, .. } if odd => {
                // A line break inside an object is white space, and so no part of any string of it.
                let data = data
                    .strip_prefix('{')
                    .map_or_else(|| format!("data:{data}\n"), |rest| format!("data:{{\r\ndata:{rest}\r\n"));
                format!(": another spelling\r\n{data}\r\n").into_bytes()
            }
            Self::Event { name: Some(name), data } => format!("event: {name}\ndata: {data}\n\n").into_bytes(),
            Self::Event { name: None, data } => format!("data: {data}\n\n").into_bytes(),
        }
    }
}
