use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix::{
    Actor, ActorContext, ActorFuture, ActorState, Addr, AsyncContext, Handler, Message, SpawnHandle,
    dev::{AsyncContextParts, ContextFut, ContextParts, Envelope, Mailbox, OneshotSender, ToEnvelope},
};
use tokio::task::JoinHandle;

use crate::{
    Playbill,
    letter::Letter,
    scene::{self, Entered},
    troupe::Troupe,
};

/// Names a kind of actor in metrics and logs.
pub trait Kind {
    /// The `actor` label, from a small closed set: `call`, `tts`, `recorder`. Types that share a label share the figures.
    const KIND: &'static str;
}

/// The execution context of every house actor: actix's own, plus figures.
///
/// An actor writes `type Context = Metered<Self>` and no metric code. Each message sent to it is then seen twice, when it is
/// posted and when it is handled, which yields depth, wait and handling time; the caller's tracing span goes along and is
/// entered around the handler. What an actor tells itself (`notify`, streams, timers) does not pass its mailbox and is not seen.
///
/// ```
/// use actix::{Actor, Handler, Message};
/// use operetta_stage::{Kind, Metered, Playbill};
///
/// struct Greeter;
/// impl Kind for Greeter { const KIND: &'static str = "greeter"; }
/// impl Actor for Greeter { type Context = Metered<Self>; }
///
/// struct Name(&'static str);
/// impl Message for Name { type Result = String; }
/// impl Handler<Name> for Greeter {
///     type Result = String;
///     fn handle(&mut self, name: Name, _: &mut Metered<Self>) -> String { format!("hello, {}", name.0) }
/// }
///
/// actix::System::new().block_on(async {
///     let bill = Playbill::new("main");
///     let (greeter, _task) = Metered::run(Greeter, 16, &bill);
///     assert_eq!(greeter.send(Name("Asha")).await.unwrap(), "hello, Asha");
///     assert_eq!(bill.snapshot().actor("greeter").unwrap().handled, 1);
/// });
/// ```
pub struct Metered<A: Actor<Context = Self> + Kind> {
    parts: ContextParts<A>,
    pub(crate) troupe: Arc<Troupe>,
    bill: Playbill,
    /// Letters handled in the current poll.
    pub(crate) run: u64,
}

impl<A: Actor<Context = Self> + Kind> Metered<A> {
    /// Starts an actor on this lane: its address, and the handle of its task, which yields an error if the actor panicked.
    ///
    /// `capacity` bounds its mailbox as far as actix does that (see STYLE.md, section 4); 0 means no bound. The task is
    /// detached when the handle is dropped: the actor then lives as long as actix says, its address or its work.
    ///
    /// # Panics
    /// Outside of an actix system or a tokio `LocalSet`.
    pub fn run(actor: A, capacity: usize, bill: &Playbill) -> (Addr<A>, JoinHandle<()>) {
        Self::run_with(capacity, bill, |_| actor)
    }

    /// As [`run`](Self::run), for an actor that needs its own address to be built.
    ///
    /// # Panics
    /// Outside of an actix system or a tokio `LocalSet`.
    pub fn run_with(capacity: usize, bill: &Playbill, build: impl FnOnce(&mut Self) -> A) -> (Addr<A>, JoinHandle<()>) {
        scene::settle(bill);
        let mailbox = Mailbox::default();
        let mut parts = ContextParts::new(mailbox.sender_producer());
        parts.set_mailbox_capacity(capacity);
        let troupe = bill.troupe::<A>();
        let mut ctx = Self { parts, troupe: Arc::clone(&troupe), bill: bill.clone(), run: 0 };
        let actor = build(&mut ctx);
        let part = ContextFut::new(ctx, actor, mailbox);
        let addr = part.address();
        troupe.entered(bill.clock().unix());
        // The only place where an actor's task begins: spawned here and not by actix so that its end is seen.
        let task = tokio::task::spawn_local(Performance { part, presence: Presence { troupe, bill: bill.clone() } });
        (addr, task)
    }

    /// The playbill of the lane that the actor runs on.
    pub fn playbill(&self) -> &Playbill {
        &self.bill
    }

    /// The handle of the future that runs now, as returned by `spawn`.
    pub fn handle(&self) -> SpawnHandle {
        self.parts.curr_handle()
    }

    /// Changes the mailbox bound.
    pub fn set_mailbox_capacity(&mut self, capacity: usize) {
        self.parts.set_mailbox_capacity(capacity);
    }
}

impl<A: Actor<Context = Self> + Kind> fmt::Debug for Metered<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered").field("kind", &A::KIND).field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl<A: Actor<Context = Self> + Kind> ActorContext for Metered<A> {
    fn stop(&mut self) {
        self.parts.stop();
    }

    fn terminate(&mut self) {
        self.parts.terminate();
    }

    fn state(&self) -> ActorState {
        self.parts.state()
    }
}

impl<A: Actor<Context = Self> + Kind> AsyncContext<A> for Metered<A> {
    fn address(&self) -> Addr<A> {
        self.parts.address()
    }

    fn spawn<F>(&mut self, fut: F) -> SpawnHandle
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.parts.spawn(fut)
    }

    fn wait<F>(&mut self, fut: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.parts.wait(fut);
    }

    fn waiting(&self) -> bool {
        self.parts.waiting()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.parts.cancel_future(handle)
    }
}

impl<A: Actor<Context = Self> + Kind> AsyncContextParts<A> for Metered<A> {
    fn parts(&mut self) -> &mut ContextParts<A> {
        &mut self.parts
    }
}

impl<A, M> ToEnvelope<A, M> for Metered<A>
where
    A: Actor<Context = Self> + Kind + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(msg: M, reply: Option<OneshotSender<M::Result>>) -> Envelope<A> {
        Envelope::with_proxy(Box::new(Letter::post::<A>(msg, reply)))
    }
}

/// An actor's task. It knows when a poll begins and ends, which the context does not.
struct Performance<A: Actor<Context = Metered<A>> + Kind> {
    // Fields are dropped in this order: while the actor's own destructors run, it still counts as present.
    part: ContextFut<A, Metered<A>>,
    presence: Presence,
}

impl<A: Actor<Context = Metered<A>> + Kind> Future for Performance<A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let _entered: Entered = scene::enter(&this.presence.bill);
        let fall = Fall(&this.presence.troupe);
        this.part.ctx().run = 0;
        let poll = Pin::new(&mut this.part).poll(cx);
        std::mem::forget(fall);
        this.presence.troupe.found(this.part.ctx().run);
        poll
    }
}

/// Counted as one instance for as long as it lives.
struct Presence {
    troupe: Arc<Troupe>,
    bill: Playbill,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.troupe.left();
    }
}

/// Dropped only when a poll unwinds: counts a panic without catching it, so the hot path has no `catch_unwind` and the
/// task's handle still tells the supervisor.
struct Fall<'a>(&'a Troupe);

impl Drop for Fall<'_> {
    fn drop(&mut self) {
        self.0.panicked();
    }
}
