use crate::carrier::Carrier;
use crate::plan::CallPlan;
use crate::socket::{Framed, Socket, Woke};
use crate::webhook::{Target, dial};
use actix_http::ws::Message;
use std::io;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A connection that never becomes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stillborn {
    /// TCP, half an upgrade request, and nothing more.
    HalfHandshake,
    /// An open socket on which nothing is said.
    Mute,
    /// `connected`, and no `start`.
    OnlyConnected,
}

/// Connects, sends half a request, waits, and goes. On a TLS address the half is of no TLS, which is as broken.
pub(crate) async fn half_handshake(plan: &CallPlan, target: &Target, hold: Duration) -> io::Result<()> {
    let (dialled, host) = dial(&target.url, plan.via.as_ref());
    let address = (dialled.host_str().unwrap_or_default().to_owned(), dialled.port_or_known_default().unwrap_or(80));
    let connect = TcpStream::connect((address.0.as_str(), address.1));
    let mut tcp =
        timeout(Duration::from_secs(5), connect).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let half = format!("GET {} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnec", dialled.path());
    tcp.write_all(half.as_bytes()).await?;
    sleep(hold).await;
    Ok(())
}

/// Stays on an open socket without beginning a call, then drops it.
pub(crate) async fn linger<F: Framed>(framed: F, how: Stillborn, carrier: Carrier, hold: Duration) {
    let mut socket = Socket::new(framed);
    if how == Stillborn::OnlyConnected {
        socket.send(Message::Text(carrier.connected().into()));
    }
    socket.wake_at(Instant::now() + hold);
    while !matches!(socket.next().await, Woke::Tick | Woke::Close(_) | Woke::Gone(_) | Woke::Broken(_)) {}
}
