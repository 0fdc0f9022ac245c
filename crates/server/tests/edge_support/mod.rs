//! An edge whose neighbours write down what they are told.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_web::{App, HttpServer};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use operetta_server::auth::{ExotelKeys, TwilioKeys};
use operetta_server::config::PublicUrl;
use operetta_server::leg::{self, LegSettings};
use operetta_server::routes::{self, Busy, CallOpener, Edge, ExotelEdge, Grants, TwilioEdge, Upgrade};
use operetta_session::{Granted, Leg};
use operetta_wire::Carrier;
use secrecy::SecretString;
use sha1::Sha1;
use tokio::sync::mpsc;

pub(crate) const SECRET: &str = "example-secret";
pub(crate) const TWILIO_TOKEN: &str = "example-auth-token-not-real";

#[derive(Clone, Default)]
pub(crate) struct Books {
    pub(crate) full: bool,
    pub(crate) granted: Rc<RefCell<Vec<Granted>>>,
    pub(crate) refused: Rc<RefCell<Vec<Carrier>>>,
    pub(crate) opened: Rc<RefCell<Vec<(Leg, Upgrade)>>>,
}

impl Grants for Books {
    fn grant(&self, granted: Granted) -> Result<(), Busy> {
        if self.full {
            return Err(Busy);
        }
        self.granted.borrow_mut().push(granted);
        Ok(())
    }
}

impl CallOpener for Books {
    fn open(&self, leg: Leg, upgrade: Upgrade) {
        self.opened.borrow_mut().push((leg, upgrade));
    }
}

/// An edge that wants proofs.
pub(crate) fn edge(books: &Books) -> Edge {
    let basic = Some(("key".to_owned(), SecretString::from("pass")));
    Edge {
        exotel: Some(exotel(ExotelKeys::new(basic, Some(SecretString::from(SECRET))))),
        twilio: Some(TwilioEdge { keys: TwilioKeys::new(vec![SecretString::from(TWILIO_TOKEN)], false) }),
        ..open_edge(books)
    }
}

/// An edge that wants none.
pub(crate) fn open_edge(books: &Books) -> Edge {
    let refused = Rc::clone(&books.refused);
    Edge {
        public_url: PublicUrl::parse("https://voice.example.com").unwrap(),
        exotel: Some(exotel(ExotelKeys::default())),
        twilio: Some(TwilioEdge { keys: TwilioKeys::default() }),
        grants: Rc::new(books.clone()),
        opener: Rc::new(books.clone()),
        leg: LegSettings::default(),
        on_refused: Rc::new(move |carrier| refused.borrow_mut().push(carrier)),
        body_deadline: Duration::from_millis(500),
    }
}

fn exotel(keys: ExotelKeys) -> ExotelEdge {
    ExotelEdge { keys, media_path: "/exotel/media".to_owned(), sample_rate_hz: 8000 }
}

/// What Twilio would sign, written apart from the code under test.
pub(crate) fn sign(url: &str, body: &str) -> String {
    let fields: std::collections::BTreeSet<(String, String)> =
        url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let text = fields.into_iter().fold(url.to_owned(), |text, (name, value)| text + &name + &value);
    let mut mac = Hmac::<Sha1>::new_from_slice(TWILIO_TOKEN.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// An edge that wants proofs, on a real server with one lane.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    pub(crate) opened: mpsc::Receiver<(Leg, Upgrade)>,
    pub(crate) refused: mpsc::Receiver<Carrier>,
}

pub(crate) fn serve(leg: LegSettings) -> Served {
    let (opening, opened) = mpsc::channel(64);
    let (refusing, refused) = mpsc::channel(64);
    let (bound, addr) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let refusing = refusing.clone();
                let edge = Edge {
                    opener: Rc::new(Opener(opening.clone())),
                    on_refused: Rc::new(move |carrier| refusing.try_send(carrier).unwrap()),
                    leg: leg.clone(),
                    ..edge(&Books::default())
                };
                App::new().configure(routes::configure(edge))
            });
            let server = leg::tune(server).workers(1).bind("127.0.0.1:0").unwrap();
            bound.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    Served { addr: addr.recv().unwrap(), opened, refused }
}

struct Opener(mpsc::Sender<(Leg, Upgrade)>);

impl CallOpener for Opener {
    fn open(&self, leg: Leg, upgrade: Upgrade) {
        self.0.try_send((leg, upgrade)).unwrap();
    }
}
