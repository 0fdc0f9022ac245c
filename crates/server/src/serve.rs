//! `operetta serve`, from the settings to the last call.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    body::MessageBody,
    dev::{ServerHandle, ServiceRequest, ServiceResponse},
    middleware::{Next, from_fn},
    web,
};
use anyhow::Context as _;
use operetta_session::{CountCalls, StopAdmitting};
use operetta_stage::Clock;
use operetta_workers::Recorder;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    cast,
    config::{PublicUrl, Settings},
    leg,
    metrics::{Metrics, Requests},
    providers::Providers,
    routes::{self, health::Readiness},
    wiring::House,
};

/// Serves `settings` with `providers` until told to stop and until the last call has ended. `ready` is called once, when
/// calls can come.
///
/// # Errors
/// An address is taken, the recordings' folder cannot be made, or a thread cannot be started.
pub fn serve<P: Providers>(
    settings: Settings,
    providers: P,
    ready: impl FnOnce(&Addresses) + 'static,
) -> anyhow::Result<()> {
    let carriers = listen(settings.http.bind, "OPERETTA__HTTP__BIND")?;
    let admin = listen(settings.admin.bind, "OPERETTA__ADMIN__BIND")?;
    let recorder = settings
        .recording
        .enabled
        .then(|| Recorder::start(&settings.recording.dir))
        .transpose()
        .with_context(|| format!("recordings cannot be written to {}", settings.recording.dir.display()))?;
    let (last_blocks, phrases) = (recorder.clone(), providers.phrases());
    let served = actix_web::rt::System::new().block_on(run(settings, providers, recorder, carriers, admin, ready));
    if let Some(recorder) = last_blocks {
        recorder.finish(LAST_BLOCKS);
    }
    if let Some(phrases) = phrases {
        phrases.finish(LAST_BLOCKS);
    }
    served
}

/// Where the engine listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// What carriers reach.
    pub carriers: SocketAddr,
    /// Health, readiness and metrics.
    pub admin: SocketAddr,
}

async fn run(
    settings: Settings,
    providers: impl Providers,
    recorder: Option<Recorder>,
    carriers: TcpListener,
    admin: TcpListener,
    ready: impl FnOnce(&Addresses),
) -> anyhow::Result<()> {
    let addresses = Addresses { carriers: carriers.local_addr()?, admin: admin.local_addr()? };
    let signals = Signals::listen()?;
    let lanes = settings.lanes();
    let most_connections = settings.http.max_connections.div_ceil(lanes);
    let settings_url = settings.http.public_url.clone();
    let agents = cast::agents(&settings, &providers.default_voice(&settings)).context("there is no default agent")?;
    let (readiness, ready_watch) = watch::channel(Readiness::Starting);
    let (end, ending) = watch::channel(false);
    let (house, front) = House::build(Arc::new(settings), agents, providers, recorder, ready_watch, ending);
    let metrics = web::Data::new(house.metrics(front));
    let public_url = match settings_url {
        Some(url) => url,
        // Only a test asks for any free port, and has to be told the address that it got.
        None => PublicUrl::of_address(addresses.carriers),
    };

    let building = house.clone();
    let legs = leg::tune(HttpServer::new(move || {
        let (lane, lag) = building.lane();
        let requests = building.requests.clone();
        App::new()
            .wrap(from_fn(move |request, next| measure(requests.clone(), request, next)))
            .app_data(web::Data::new(lag))
            .configure(routes::configure(building.edge(lane, public_url.clone())))
    }))
    .workers(lanes)
    .max_connections(most_connections)
    .disable_signals()
    .shutdown_timeout(LAST_REQUESTS_SECS)
    .listen(carriers)?
    .run();

    let looking = house.clone();
    let watched = HttpServer::new(move || {
        let metrics = metrics.clone();
        let house = &looking;
        App::new()
            .configure(routes::health::configure(house.readiness.clone()))
            .configure(routes::steering::configure(house.listed()))
            .app_data(metrics)
            .route("/metrics", web::get().to(scrape))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(LAST_REQUESTS_SECS)
    .listen(admin)?
    .run();

    let (legs_handle, watched_handle) = (legs.handle(), watched.handle());
    let calls = async {
        house.wait_until_open().await;
        readiness.send_replace(Readiness::Ready);
        ready(&addresses);
        drain_when_told(&house, signals, &readiness, &end).await;
        stop(&legs_handle, &watched_handle).await;
    };
    let (legs, watched, ()) = tokio::join!(legs, watched, calls);
    legs?;
    watched?;
    Ok(())
}

/// Requests that are being answered when the last call has ended get this long.
const LAST_REQUESTS_SECS: u64 = 2;
/// Recordings, and phrases for later, that are still being written get this long each.
const LAST_BLOCKS: Duration = Duration::from_secs(2);
/// Calls that hear their goodbye get this long.
const GOODBYES: Duration = Duration::from_secs(15);

/// Waits for a signal; then admits no new calls, waits for those that go on, and at the end has them say goodbye.
/// A second signal ends the wait.
async fn drain_when_told(
    house: &House<impl Providers>,
    mut signals: Signals,
    readiness: &watch::Sender<Readiness>,
    end: &watch::Sender<bool>,
) {
    signals.next().await;
    tracing::info!("draining: no new calls, those in progress go on");
    readiness.send_replace(Readiness::Draining);
    if house.admission.send(StopAdmitting).await.is_err() {
        return;
    }
    tokio::select! {
        () = calls_to_end(house) => return,
        () = tokio::time::sleep(house.patience()) => {}
        () = signals.next() => return,
    }
    tracing::info!("draining: the calls that are left say goodbye");
    end.send_replace(true);
    tokio::select! {
        () = calls_to_end(house) => {}
        () = tokio::time::sleep(GOODBYES) => {}
        () = signals.next() => {}
    }
}

async fn calls_to_end(house: &House<impl Providers>) {
    while house.admission.send(CountCalls).await.is_ok_and(|calls| calls > 0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn stop(legs: &ServerHandle, watched: &ServerHandle) {
    legs.stop(true).await;
    watched.stop(true).await;
}

/// The two signals that mean the end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn listen(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into()).with_context(|| {
        format!(
            "address {address} cannot be used\n  choose another: {variable}={}:{}",
            address.ip(),
            address.port() + 1
        )
    })?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn scrape(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.render() {
        Ok(text) => HttpResponse::Ok().content_type(Metrics::CONTENT_TYPE).body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn measure(
    requests: Requests,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let (clock, method) = (Clock::system(), request.method().clone());
    let response = next.call(request).await?;
    let route = response.request().match_pattern();
    requests.served(method.as_str(), route, response.status().as_u16(), clock.now());
    Ok(response)
}
