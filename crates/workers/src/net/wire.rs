use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_rt::net::{ActixStream, Ready, TcpStream};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{UNACKNOWLEDGED, sight::Sight};

/// A TCP connection that tells who uses it what happens on it. See [`Sight`].
#[derive(Debug)]
pub(super) struct Wired {
    stream: TcpStream,
    sight: Sight,
    /// Lives as long as the connection.
    life: Rc<()>,
}

impl Wired {
    pub(super) fn new(stream: TcpStream, sight: &Sight) -> Self {
        sight.connected();
        Self { stream, sight: sight.clone(), life: Rc::new(()) }
    }
}

/// Small messages leave at once, and a peer that is gone is noticed. A system that knows none of these options still carries
/// the call, only less well.
pub(super) fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let _nagle_stays = socket.set_tcp_nodelay(true);
    let often = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    let _unwatched = socket.set_tcp_keepalive(&often);
    #[cfg(target_os = "linux")]
    let _patient = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

impl AsyncRead for Wired {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.sight.read(&self.life, buf.filled().len() > before);
        polled
    }
}

impl AsyncWrite for Wired {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl ActixStream for Wired {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.stream, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.stream, cx)
    }
}
