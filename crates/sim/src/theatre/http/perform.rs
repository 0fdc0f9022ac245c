use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::{
        backstage::Backstage,
        ledger::RequestNote,
        line::{Gone, Line},
        play::Play,
    },
    answer::{Answer, Beat, Part, Shape},
    date::Date,
    gzip::Gzip,
};

/// Writes an answer over the line, in the manner of a play: the line, if it lives on.
pub(super) async fn perform(line: Line, answer: Answer, keep: Keep, stage: &Backstage) -> Option<Line> {
    let start = Instant::now();
    stage.note(|note| {
        note.error.clone_from(&answer.error);
        note.billed += answer.billed;
    });
    let mut wire = Wire {
        line,
        stage,
        manner: Manner::of(stage.play(), answer.shape),
        gzip: None,
        left: usize::MAX,
        is_well: answer.status == 200,
    };
    wire.left = wire.manner.cut.unwrap_or(usize::MAX);
    let played = wire.play(start, answer, keep).await;
    stage.note(|note| {
        let now = stage.now();
        note.ended_at = Some(now);
        if played.is_err() {
            note.cancelled_at = Some(now);
        }
    });
    match played {
        Ok(Ending::Proper) if keep == Keep::Alive => Some(wire.line),
        Ok(Ending::Proper | Ending::Early) | Err(_) => None,
        Ok(Ending::Reset) => {
            wire.line.reset();
            None
        }
        Ok(Ending::Silence) => {
            wire.line.wait_for_ever().await;
            stage.note(|note| note.cancelled_at = Some(stage.now()));
            None
        }
        Ok(Ending::OnReuse) => {
            // The next request is begun, and nothing of it is read: this is what the client must see through.
            let _ = wire.line.wait_for_more().await;
            None
        }
    }
}

/// What the client said about the time after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// It may send another request.
    Alive,
    /// It will not.
    Close,
    /// HTTP/1.0: it will not, and it knows no chunks.
    Old,
}

/// How a body goes over the wire.
struct Manner {
    head_late: Duration,
    body_late: Duration,
    cuts: Cuts,
    /// After how many bytes of the body it ends as `ending` says.
    cut: Option<usize>,
    /// After how many pieces it ends so.
    beats: Option<u32>,
    ending: Ending,
    odd_spelling: bool,
    gzip: bool,
    ping: Option<Duration>,
}

/// Where a body is cut into chunks.
#[derive(Clone, Copy)]
enum Cuts {
    /// Where its pieces are.
    Pieces,
    /// Behind every byte (H05).
    Bytes,
    /// At 1, 3 and 959 bytes (H06).
    Odd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// With the end of the body.
    Proper,
    /// The connection is closed, the body is not ended.
    Early,
    /// The connection is reset.
    Reset,
    /// Nothing more comes.
    Silence,
    /// With the end of the body; and the connection ends when it is used again.
    OnReuse,
}

impl Manner {
    fn of(play: Option<&Play>, shape: Shape) -> Self {
        let mut manner = Self {
            head_late: Duration::ZERO,
            body_late: Duration::ZERO,
            cuts: Cuts::Pieces,
            cut: None,
            beats: None,
            ending: Ending::Proper,
            odd_spelling: false,
            gzip: false,
            ping: None,
        };
        match play {
            Some(Play::SlowHead(late)) => manner.head_late = *late,
            Some(Play::SlowBody(late)) => manner.body_late = *late,
            Some(Play::Stall(beats)) => {
                (manner.beats, manner.ending) = (Some(*beats), Ending::Silence);
                if shape == Shape::Document {
                    // A document is one piece: it stops in the middle of it.
                    (manner.beats, manner.cut) = (None, Some(DOCUMENT_STALL));
                }
            }
            Some(Play::OnlyPings(every)) => manner.ping = Some(*every),
            Some(Play::Drip) => manner.cuts = Cuts::Bytes,
            Some(Play::OddChunks) => manner.cuts = Cuts::Odd,
            Some(Play::Reset(bytes)) => (manner.cut, manner.ending) = (Some(*bytes), Ending::Reset),
            Some(Play::EarlyEnd(bytes)) => (manner.cut, manner.ending) = (Some(*bytes), Ending::Early),
            Some(Play::LateError { .. }) if shape == Shape::Audio => {
                // Raw audio has no place for an error: it just breaks off.
                (manner.cut, manner.ending) = (Some(LATE_ERROR), Ending::Early);
            }
            Some(Play::Spelling) => manner.odd_spelling = true,
            Some(Play::DiesOnReuse) => manner.ending = Ending::OnReuse,
            Some(Play::Gzip) => manner.gzip = true,
            _ => {}
        }
        manner
    }
}

struct Wire<'a> {
    line: Line,
    stage: &'a Backstage,
    manner: Manner,
    gzip: Option<Gzip>,
    /// Bytes of the body that may still be written.
    left: usize,
    /// It is no refusal: there is output in it.
    is_well: bool,
}

impl Wire<'_> {
    async fn play(&mut self, start: Instant, answer: Answer, keep: Keep) -> Result<Ending, Gone> {
        let Answer { status, content_type, headers, shape, head_at, beats, .. } = answer;
        let late = self.manner.head_late;
        self.line.wait_until(start + late + head_at).await?;
        let chunked = keep != Keep::Old
            && (shape != Shape::Document || self.manner.ping.is_some() || !matches!(self.manner.cuts, Cuts::Pieces));
        // The length of a document is told in its head, so it must be known before.
        let (document, beats) = if shape == Shape::Document {
            let beats: Vec<Beat> = beats.collect();
            let length = beats.iter().map(|beat| beat.what.clone().encode(false).len()).sum::<usize>();
            (Some(length), Box::new(beats.into_iter()) as super::answer::Beats)
        } else {
            (None, beats)
        };
        let mut head = format!(
            "HTTP/1.1 {status} {}\r\ncontent-type: {content_type}\r\ndate: {}\r\n",
            reason(status),
            Date::now().http()
        );
        for (name, value) in headers {
            head.extend([name, ": ", &value, "\r\n"]);
        }
        if self.manner.gzip {
            head.push_str("content-encoding: gzip\r\n");
            self.gzip = Some(Gzip::default());
        }
        let chunked = chunked || self.gzip.is_some() && keep != Keep::Old;
        match (chunked, document) {
            (true, _) => head.push_str("transfer-encoding: chunked\r\n"),
            (false, Some(length)) => head.extend(["content-length: ", &length.to_string(), "\r\n"]),
            (false, None) => {}
        }
        if keep != Keep::Alive {
            head.push_str("connection: close\r\n");
        }
        head.push_str("\r\n");
        self.line.write(head.as_bytes()).await?;
        self.stage.note(|note| {
            note.status = Some(status);
            note.answered_at = Some(self.stage.now());
        });
        if let Some(every) = self.manner.ping {
            return self.ping(start + late + head_at, every, shape, chunked).await;
        }
        let start = start + late + self.manner.body_late;
        if let Some(gzip) = &mut self.gzip {
            let head = gzip.head();
            self.write(&head, chunked).await?;
        }
        for (number, beat) in (0_u32..).zip(beats) {
            if self.manner.beats.is_some_and(|beats| number >= beats) {
                return Ok(self.manner.ending);
            }
            self.line.wait_until(start + beat.at).await?;
            if !self.beat(beat, chunked).await? {
                return Ok(self.manner.ending);
            }
        }
        if let Some(gzip) = self.gzip.take() {
            let end = gzip.end();
            self.write(&end, chunked).await?;
        }
        if matches!(self.manner.ending, Ending::Proper | Ending::OnReuse) && chunked {
            self.line.write(b"0\r\n\r\n").await?;
        }
        Ok(self.manner.ending)
    }

    /// Writes a piece; `false` when that was the last that may be written.
    async fn beat(&mut self, beat: Beat, chunked: bool) -> Result<bool, Gone> {
        let Beat { part, what, billed, .. } = beat;
        let bytes = what.encode(self.manner.odd_spelling);
        let plain = bytes.len();
        let bytes = match &mut self.gzip {
            Some(gzip) => gzip.block(&bytes),
            None => bytes,
        };
        let whole = self.write(&bytes, chunked).await?;
        let is_output = self.is_well && part == Part::Output;
        let now = self.stage.now();
        self.stage.note(|note: &mut RequestNote| {
            note.billed += billed;
            if is_output {
                note.bytes_out += plain as u64;
                note.first_output_at.get_or_insert(now);
            }
        });
        Ok(whole)
    }

    /// Writes bytes of the body; `false` when not all of them may be written.
    async fn write(&mut self, bytes: &[u8], chunked: bool) -> Result<bool, Gone> {
        let whole = bytes.len() <= self.left;
        let mut bytes = &bytes[..bytes.len().min(self.left)];
        self.left -= bytes.len();
        let mut sizes = ODD.iter().copied().cycle();
        while !bytes.is_empty() {
            let size = match self.manner.cuts {
                Cuts::Pieces => bytes.len(),
                Cuts::Bytes => 1,
                Cuts::Odd => sizes.next().unwrap_or(1).min(bytes.len()),
            };
            let (chunk, rest) = bytes.split_at(size);
            bytes = rest;
            if chunked {
                let framed = [format!("{size:x}\r\n").as_bytes(), chunk, b"\r\n"].concat();
                self.line.write(&framed).await?;
            } else {
                self.line.write(chunk).await?;
            }
            if !rest.is_empty() {
                // Whoever reads on this thread shall find this piece by itself.
                tokio::task::yield_now().await;
            }
        }
        Ok(whole)
    }

    /// Signs of life, and nothing else (H04). Raw audio has none.
    async fn ping(&mut self, start: Instant, every: Duration, shape: Shape, chunked: bool) -> Result<Ending, Gone> {
        let sign: &[u8] = match (shape, self.stage.api()) {
            (Shape::Audio, _) => return Ok(Ending::Silence),
            // White space before a document is none of it.
            (Shape::Document, _) => b"\n",
            (Shape::Events, super::super::api::Api::Anthropic) => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
            (Shape::Events, _) => b": keep-alive\n\n",
        };
        let mut at = start;
        loop {
            at += every;
            self.line.wait_until(at).await?;
            self.write(sign, chunked).await?;
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Fake",
    }
}

/// Chunks that no sample fits into (H06).
const ODD: [usize; 3] = [1, 3, 959];

/// Bytes of a document before it stops (H03).
const DOCUMENT_STALL: usize = 16;

/// Bytes of audio before it breaks off (H19): an odd number, in the middle of a sample.
const LATE_ERROR: usize = 1_601;
