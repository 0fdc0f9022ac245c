use std::any::Any;
use std::cell::Cell;
use std::fmt::Debug;
use std::io;
use std::net::TcpStream;
use std::time::Duration;

use actix_http::{Request, Response};
use actix_service::IntoServiceFactory;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, Service, ServiceFactory};
use actix_web::{Error, HttpRequest, HttpServer};
use operetta_session::KillSwitch;
use socket2::SockRef;

/// Sets up an accepted socket for telephone audio and keeps a duplicate of it for the leg's kill switch.
///
/// To be given to [`HttpServer::on_connect`], which [`tune`] does. Plain TCP only: TLS is terminated in front of the
/// engine. A socket that could not be set up serves webhooks all the same, but [`super::open`] refuses it.
pub fn on_connect(io: &dyn Any, data: &mut Extensions) {
    if let Some(socket) = io.downcast_ref::<actix_web::rt::net::TcpStream>()
        && let Ok(duplicate) = set_up(&SockRef::from(socket))
    {
        data.insert(Duplicate(Cell::new(Some(duplicate))));
    }
}

fn set_up(socket: &SockRef<'_>) -> io::Result<TcpStream> {
    socket.set_tcp_nodelay(true)?;
    // What the kernel holds is audio that nobody can take back; on loopback it would take 4 MB before we noticed that
    // the peer has stopped reading.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    // Left alone, the kernel takes up to 6 MB from a peer while the call is behind.
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    // Ends a socket whose peer acknowledges nothing, or keeps its window shut, while we have something to send.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(socket.try_clone()?.into())
}

/// The kill switch of the socket that `req` came in on. A socket yields one.
pub(super) fn kill_switch(req: &HttpRequest) -> Option<KillSwitch> {
    req.conn_data::<Duplicate>()?.0.take().map(KillSwitch::new)
}

/// Lives in the connection data until the leg takes it.
struct Duplicate(Cell<Option<TcpStream>>);

/// Applies the socket settings that the leg relies on. Nothing else about the server is touched.
///
/// - `client_disconnect_timeout` is 0: a leg does its own lingering, in [`super::LegSettings::close_wait`], and other
///   values keep a closed WebSocket for up to a second (values under 600 ms can lose it altogether, because the
///   deadline is taken from a clock that is up to 500 ms old: actix-http 3.20, h1/timer.rs).
/// - `client_request_timeout` is 5 s: a request head that takes longer is answered 408.
/// - `keep_alive` is 15 s: an idle webhook connection does not hold a descriptor for longer.
/// - `h1_write_buffer_size` is 4 KiB: about one outgoing message of Exotel's or a dozen of Twilio's, so that a peer that does
///   not read is felt early, and no leg's buffer grows beyond what it has from the start.
pub fn tune<F, I, S, B>(server: HttpServer<F, I, S, B>) -> HttpServer<F, I, S, B>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    server
        .on_connect(on_connect)
        .tcp_nodelay(true)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(Duration::ZERO)
        .keep_alive(KEEP_ALIVE)
        .h1_write_buffer_size(WRITE_BUFFER_BYTES)
}

/// Linux doubles the figure for its own bookkeeping.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// A carrier at 200 ms distance can still send 640 KB/s, twenty times the audio of a call.
const RECEIVE_BUFFER_BYTES: usize = 128 * 1024;
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(10);
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const WRITE_BUFFER_BYTES: usize = 4 * 1024;
