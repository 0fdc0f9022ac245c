//! Vendors that the program around the engine brings: they take part in everything that built-in ones do.

use std::{collections::BTreeMap, sync::Arc};

use operetta_contract::{Capabilities, Complete, DuplexVendor, HttpVendor, Recognize, Role, Synthesize, Transcribe};

use super::{
    troupe::Opener,
    vendors::{self, Ability, AnyDesk, Asked, Curious, Question, Terms, Visit},
};
use crate::config::Provider;

/// The vendors of one program, by the names of their entries in the configuration.
///
/// ```text
/// [providers.mynah]
/// api = "own_tts"                        # own_stt, own_llm
/// base_url = "https://api.mynah.example"
///
/// Guests::default().speaks("mynah", |terms| Mynah::new(terms))
/// ```
///
/// Each closure makes a vendor out of what the entry says, once for every lane and again when a worker was restarted.
#[derive(Clone, Default)]
pub struct Guests(BTreeMap<String, (Role, Arc<dyn Guest>)>);

impl Guests {
    /// Brings a voice that is asked by requests.
    #[must_use]
    pub fn speaks<V: HttpVendor<Job = Synthesize>>(
        self,
        name: &str,
        make: impl Fn(Terms) -> V + Send + Sync + 'static,
    ) -> Self {
        self.with(name, Role::Tts, Requests(Arc::new(make)))
    }

    /// Brings a voice that is talked to over a socket.
    #[must_use]
    pub fn speaks_over_socket<V: DuplexVendor<Job = Synthesize>>(
        self,
        name: &str,
        make: impl Fn(Terms) -> V + Send + Sync + 'static,
    ) -> Self {
        self.with(name, Role::Tts, Socket(Arc::new(make)))
    }

    /// Brings a mind that is asked by requests.
    #[must_use]
    pub fn thinks<V: HttpVendor<Job = Complete>>(
        self,
        name: &str,
        make: impl Fn(Terms) -> V + Send + Sync + 'static,
    ) -> Self {
        self.with(name, Role::Llm, Requests(Arc::new(make)))
    }

    /// Brings an ear that is talked to over a socket.
    #[must_use]
    pub fn listens_over_socket<V: DuplexVendor<Job = Transcribe>>(
        self,
        name: &str,
        make: impl Fn(Terms) -> V + Send + Sync + 'static,
    ) -> Self {
        self.with(name, Role::Stt, Socket(Arc::new(make)))
    }

    /// Brings an ear that understands whole clips.
    #[must_use]
    pub fn listens_to_clips<V: HttpVendor<Job = Recognize>>(
        self,
        name: &str,
        make: impl Fn(Terms) -> V + Send + Sync + 'static,
    ) -> Self {
        self.with(name, Role::Stt, Clips(Arc::new(make)))
    }

    fn with(mut self, name: &str, role: Role, guest: impl Guest) -> Self {
        self.0.insert(name.to_owned(), (role, Arc::new(guest)));
        self
    }

    /// The names, for people.
    pub(super) fn names(&self) -> String {
        if self.0.is_empty() {
            return "nobody".to_owned();
        }
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// What the vendor of an entry can do; `None` when there is no such vendor.
    pub(super) fn capabilities(&self, name: &str, entry: &Provider) -> Option<Capabilities> {
        match self.guest(name, entry) {
            Some(guest) => Some(guest.capabilities(Terms::of(entry))),
            None => vendors::visit(entry, Ability),
        }
    }

    /// The question for an entry.
    pub(crate) fn question(&self, name: &str, entry: &Provider) -> Option<Question> {
        match self.guest(name, entry) {
            Some(guest) => Some(guest.question(Terms::of(entry))),
            None => vendors::visit(entry, Curious),
        }
    }

    /// The desk of an entry's vendor.
    pub(super) fn open(&self, name: &str, entry: &Provider, opener: Opener) -> Option<AnyDesk> {
        match self.guest(name, entry) {
            Some(guest) => Some(guest.open(Terms::of(entry), opener)),
            None => vendors::visit(entry, opener),
        }
    }

    fn guest(&self, name: &str, entry: &Provider) -> Option<&Arc<dyn Guest>> {
        let api = entry.api.filter(|api| api.is_brought())?;
        self.0.get(name).filter(|(role, _)| *role == api.role()).map(|(_, guest)| guest)
    }
}

/// A vendor with its type put aside.
trait Guest: Send + Sync + 'static {
    fn capabilities(&self, terms: Terms) -> Capabilities;
    fn question(&self, terms: Terms) -> Question;
    fn open(&self, terms: Terms, opener: Opener) -> AnyDesk;
}

/// A vendor that visitors meet as they meet built-in ones.
trait Meet: Send + Sync + 'static {
    fn meet<W: Visit>(&self, terms: Terms, visitor: W) -> W::Out;
}

impl<M: Meet> Guest for M {
    fn capabilities(&self, terms: Terms) -> Capabilities {
        self.meet(terms, Ability)
    }

    fn question(&self, terms: Terms) -> Question {
        self.meet(terms, Curious)
    }

    fn open(&self, terms: Terms, opener: Opener) -> AnyDesk {
        self.meet(terms, opener)
    }
}

struct Requests<F>(Arc<F>);
struct Socket<F>(Arc<F>);
struct Clips<F>(Arc<F>);

impl<F, V> Meet for Requests<F>
where
    F: Fn(Terms) -> V + Send + Sync + 'static,
    V: HttpVendor<Job: Asked>,
{
    fn meet<W: Visit>(&self, terms: Terms, visitor: W) -> W::Out {
        let make = Arc::clone(&self.0);
        visitor.request(move || make(terms.clone()))
    }
}

impl<F, V> Meet for Socket<F>
where
    F: Fn(Terms) -> V + Send + Sync + 'static,
    V: DuplexVendor<Job: Asked>,
{
    fn meet<W: Visit>(&self, terms: Terms, visitor: W) -> W::Out {
        let make = Arc::clone(&self.0);
        visitor.socket(move || make(terms.clone()))
    }
}

impl<F, V> Meet for Clips<F>
where
    F: Fn(Terms) -> V + Send + Sync + 'static,
    V: HttpVendor<Job = Recognize>,
{
    fn meet<W: Visit>(&self, terms: Terms, visitor: W) -> W::Out {
        let make = Arc::clone(&self.0);
        visitor.clips(move || make(terms.clone()))
    }
}
