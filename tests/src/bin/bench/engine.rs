//! The real server, with workers for the fake vendors.

mod ears;
mod mind;
mod mouth;

use std::{
    fmt,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    rc::Rc,
};

use actix_service::ServiceExt as _;
use anyhow::anyhow;
use awc::{Client, Connector};
use operetta_contract::{Complete, Detect, ErrorClass, ProviderError, Synthesize, Transcribe};
use operetta_local::Engines;
use operetta_server::{
    config::{LogFormat, Settings},
    logging,
    providers::Providers,
    serve,
};
use operetta_session::{Casting, Desks};
use operetta_stage::{Playbill, Policy, Supervisor};

/// What is switched on.
pub(crate) struct Setup {
    pub(crate) vendors: SocketAddr,
    pub(crate) silero: bool,
    pub(crate) recordings: Option<PathBuf>,
}

/// Serves until the process is ended.
pub(crate) fn serve(setup: &Setup) -> anyhow::Result<()> {
    let silero = setup
        .silero
        .then(|| {
            // Of the embedded engines only the detector is used; the others' models would only take memory.
            let vad_only = operetta_local::Config { vad_threads: 1, ..operetta_local::Config::default() };
            Engines::start(&vad_only)
        })
        .transpose()?;
    let settings = settings(setup)?;
    logging::start(&settings.log)?;
    let vendors = Vendors { address: setup.vendors, silero };
    serve::serve(settings, vendors, |addresses| {
        // The measurement ends with us if it cannot be told.
        let _ = writeln!(io::stdout(), "ready ws://{}/twilio/media", addresses.carriers);
    })
}

/// The defaults, but for what a measurement needs: one lane, any port, room for every call, an agent who is not interrupted,
/// answers at once and greets for as long as callers wait before they speak.
fn settings(setup: &Setup) -> anyhow::Result<Settings> {
    let loaded = Settings::load(None, std::iter::empty()).map_err(|problems| anyhow!("{problems}"))?;
    let mut settings = loaded.settings;
    settings.http.bind = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.admin.bind = settings.http.bind;
    settings.http.workers = Some(1);
    settings.http.max_calls = 2000;
    settings.http.max_connections = 4000;
    settings.recording.enabled = setup.recordings.is_some();
    if let Some(folder) = &setup.recordings {
        settings.recording.dir.clone_from(folder);
    }
    settings.log.format = LogFormat::Json;
    "warn,operetta_session=info".clone_into(&mut settings.log.level);
    for agent in settings.agents.values_mut() {
        "Hello, you have called the clinic. What can we do for you?".clone_into(&mut agent.greeting);
        agent.barge_in = false;
        agent.timing.endpoint_ms = 300;
    }
    Ok(settings)
}

#[derive(Clone)]
struct Vendors {
    address: SocketAddr,
    silero: Option<Engines>,
}

impl Providers for Vendors {
    fn casting(&self, policy: Policy, bill: &Playbill) -> Casting {
        let line = Line { client: client(), address: self.address };
        let (stt, llm, tts) = (line.clone(), line.clone(), line);
        Desks {
            vad: match self.silero.clone() {
                Some(engines) => Supervisor::start::<Detect, _>(policy, bill, move || engines.detector()),
                None => Supervisor::start::<Detect, _>(policy, bill, || ears::GateKeeper),
            },
            stt: Supervisor::start::<Transcribe, _>(policy, bill, move || ears::Listener::new(stt.clone())),
            llm: Supervisor::start::<Complete, _>(policy, bill, move || mind::Mind::new(llm.clone())),
            tts: Supervisor::start::<Synthesize, _>(policy, bill, move || mouth::Mouth::new(tts.clone())),
            realtime: None,
        }
        .into()
    }

    fn default_voice(&self, _: &Settings) -> String {
        "hum".to_owned()
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("fake vendors at {}", self.address)]
    }
}

/// The way to the vendors: one client for a lane.
#[derive(Clone)]
struct Line {
    client: Rc<Client>,
    address: SocketAddr,
}

impl Line {
    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}/{path}", self.address)
    }
}

fn client() -> Rc<Client> {
    let tcp = actix_tls::connect::Connector::default().service().map(|connection| {
        let _nagle_stays = connection.io_ref().set_nodelay(true);
        connection
    });
    let connector = Connector::new().connector(tcp).limit(0).max_http_version(awc::http::Version::HTTP_11);
    Rc::new(Client::builder().connector(connector).finish())
}

fn broken(detail: impl fmt::Display) -> ProviderError {
    ProviderError::new(ErrorClass::Closed, format!("{detail}"))
}
