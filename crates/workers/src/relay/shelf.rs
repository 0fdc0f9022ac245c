use std::pin::Pin;

use operetta_contract::Job;

/// A future of one lane: what [`Shelf::fetch`] returns.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Where whole answers are kept that were paid for once: rendered phrases.
///
/// A relay looks there before it asks a provider, and writes down what it relays if the shelf wants it.
pub trait Shelf<J: Job> {
    /// What the shelf has for a job as this provider would do it. `identity` tells apart what must not be mixed: provider,
    /// model and settings; the voice is in the job.
    ///
    /// May wait for somebody else who renders the same just now. The relay waits no longer than for the provider itself.
    fn fetch<'a>(&'a self, identity: &'a str, job: &'a J) -> LocalBoxFuture<'a, Fetched<J>>;
}

/// What a shelf says to a job.
pub enum Fetched<J: Job> {
    /// It is not worth keeping: just ask.
    Nothing,
    /// The whole answer, in order; the last event is the good end of the job. An answer that ends otherwise is not used.
    Found(Vec<J::Event>),
    /// It is not there yet: ask, and write down what comes.
    Render(Box<dyn Keep<J>>),
}

/// Writes down an answer for the shelf. Dropped without [`done`](Self::done) it forgets: the job failed, or was given up, and
/// the next one who waits renders.
pub trait Keep<J: Job> {
    /// The provider said this, in order. The end of the job is not among them.
    fn heard(&mut self, event: &J::Event);

    /// The answer is whole.
    fn done(self: Box<Self>);
}
