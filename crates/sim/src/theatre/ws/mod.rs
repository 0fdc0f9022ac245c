//! Fake vendors that are sockets.

mod play;

pub use play::{NoStunt, Stunt, WsFailure};

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{backstage::Backstage, head::RequestHead};

/// Takes over a connection that asks for a WebSocket: answers the upgrade, and speaks until the connection is over.
///
/// `leftover` is what the client has sent behind its head. The head has been noted in the ledger, with its key; what
/// happens to whole connections (H07, H08) has been played. Everything else is up to this function: the answer's status
/// and time, messages, bills, the close.
pub(super) async fn serve(mut socket: TcpStream, head: RequestHead, leftover: Vec<u8>, stage: Backstage) {
    drop((head, leftover));
    stage.note(|note| note.status = Some(501));
    let _ = socket.write_all(b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
}
