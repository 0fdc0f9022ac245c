//! Fake vendors that are asked by HTTP.

use super::{api::Api, backstage::Backstage, head::RequestHead, line::Line};

/// A request, complete.
#[derive(Debug)]
pub(super) struct Request {
    /// Where it leads; `None`: nowhere.
    pub(super) api: Option<Api>,
    pub(super) head: RequestHead,
    pub(super) body: Vec<u8>,
}

/// Answers one request: the line, if it lives on.
pub(super) async fn answer(mut line: Line, request: &Request, stage: &Backstage) -> Option<Line> {
    stage.note(|note| note.status = Some(404));
    line.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    request.head.keeps_alive().then_some(line)
}

/// What is said to whoever does not speak HTTP.
pub(super) const fn garbled() -> &'static [u8] {
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
}
