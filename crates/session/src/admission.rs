use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use operetta_call::Refusal;
use operetta_stage::{Clock, Kind, Metered};
use operetta_wire::PhoneNumber;
use sha2::{Digest, Sha256};

/// Lets calls in. It knows which stream tokens were given out and which calls are connected, and there is one of it in
/// the process, so that a token is spent once and a call has one leg, whichever lanes they meet.
#[derive(Debug)]
pub struct Admission {
    clock: Clock,
    most_calls: usize,
    draining: bool,
    grants: HashMap<TokenDigest, (Grant, Duration)>,
    /// The tokens as they were given out, and so as they expire; spent ones are still among them.
    given_out: VecDeque<(TokenDigest, Duration)>,
    connected: HashSet<Arc<str>>,
}

impl Admission {
    /// How long a token is good for.
    pub const TOKEN_LIFE: Duration = Duration::from_mins(1);
    /// How many tokens may be out: at 60 s each, 270 webhooks a second.
    pub const MOST_GRANTS: usize = 16_384;
    /// A mailbox of this size lets every lane ask at once.
    pub const MAILBOX: usize = 1024;

    /// An admission for at most `most_calls` calls at a time.
    pub fn new(clock: Clock, most_calls: usize) -> Self {
        Self {
            clock,
            most_calls,
            draining: false,
            grants: HashMap::new(),
            given_out: VecDeque::new(),
            connected: HashSet::new(),
        }
    }

    fn remember(&mut self, granted: Granted) {
        let now = self.clock.now();
        while let Some((token, _)) = self.given_out.pop_front_if(|(_, expires)| *expires <= now) {
            self.grants.remove(&token);
        }
        if self.given_out.len() < Self::MOST_GRANTS {
            let expires = now + Self::TOKEN_LIFE;
            self.grants.insert(granted.token, (granted.grant, expires));
            self.given_out.push_back((granted.token, expires));
        }
    }

    fn admit(&mut self, admit: Admit, address: Addr<Self>) -> Result<Admitted, Refusal> {
        let now = self.clock.now();
        let grant = match &admit.token {
            Some(token) => match self.grants.get(token) {
                Some((grant, expires)) if *expires > now => {
                    // Known, so it must be this call's, whatever else was proven.
                    if !grant.fits(admit.call_sid.as_deref()) {
                        return Err(Refusal::Auth);
                    }
                    Some(grant.clone())
                }
                Some(_) | None if admit.proof == Proof::Token => return Err(Refusal::Auth),
                // A carrier that reconnects brings the token that its first leg has spent. It proved itself otherwise.
                Some(_) | None => None,
            },
            None if admit.proof == Proof::Token => return Err(Refusal::Auth),
            None => None,
        };
        if self.draining && grant.is_none() {
            return Err(Refusal::Draining);
        }
        // A stream that begins without a start does not name its call; where the webhook did, a second leg shows.
        let promised = grant.as_ref().and_then(|grant| grant.call_sid.as_deref());
        let key = match promised {
            Some(call_sid) if admit.call_sid.is_none() => call_sid.into(),
            Some(_) | None => admit.key,
        };
        if self.connected.contains(&key) {
            return Err(Refusal::Duplicate);
        }
        if self.connected.len() >= self.most_calls {
            return Err(Refusal::Capacity);
        }
        // Only here is the token spent: a handshake that is retried finds it still good.
        if let Some(token) = &admit.token {
            self.grants.remove(token);
        }
        self.connected.insert(Arc::clone(&key));
        Ok(Admitted { permit: CallPermit { key, admission: address }, grant })
    }
}

impl Kind for Admission {
    const KIND: &'static str = "admission";
}

impl Actor for Admission {
    type Context = Metered<Self>;
}

/// The digest of a stream token. The token itself is known to the carrier only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of `token` as it is written on the wire.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// What the webhook learned of a call that is about to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The call the token is bound to; `None` where the webhook did not say.
    pub call_sid: Option<Box<str>>,
    /// Who calls.
    pub from: Option<PhoneNumber>,
    /// Who is called.
    pub to: Option<PhoneNumber>,
    /// The agent that is to answer, where the webhook's address names one.
    pub agent: Option<Box<str>>,
}

impl Grant {
    fn fits(&self, call_sid: Option<&str>) -> bool {
        // A stream that begins without a start has no call id yet; the token alone must do.
        match (self.call_sid.as_deref(), call_sid) {
            (Some(granted), Some(connecting)) => granted == connecting,
            (None, _) | (_, None) => true,
        }
    }
}

/// A token was given out.
#[derive(Debug, Message, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Granted {
    /// The token's digest.
    pub token: TokenDigest,
    /// What it stands for.
    pub grant: Grant,
}

impl Handler<Granted> for Admission {
    type Result = ();

    fn handle(&mut self, granted: Granted, _: &mut Metered<Self>) {
        self.remember(granted);
    }
}

/// What a leg has proven before its stream starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The carrier was authenticated at the upgrade. A token that is known must be this call's all the same.
    Upgrade,
    /// Nothing: the token in `start` is the proof.
    Token,
    /// The engine was told to be open. For development.
    Open,
}

/// May this call start? Answered with a permit or a reason.
#[derive(Debug, Message)]
#[rtype(result = "Result<Admitted, Refusal>")]
pub struct Admit {
    /// What identifies the call: its carrier's call id, or its stream id where there is none.
    pub key: Arc<str>,
    /// The carrier's call id.
    pub call_sid: Option<Box<str>>,
    /// What the leg has proven.
    pub proof: Proof,
    /// The token that came with the start.
    pub token: Option<TokenDigest>,
}

/// The call may start.
#[derive(Debug)]
pub struct Admitted {
    /// The right to be connected.
    pub permit: CallPermit,
    /// What the webhook knew, where the call came by one.
    pub grant: Option<Grant>,
}

impl Handler<Admit> for Admission {
    type Result = Result<Admitted, Refusal>;

    fn handle(&mut self, admit: Admit, ctx: &mut Metered<Self>) -> Self::Result {
        self.admit(admit, ctx.address())
    }
}

/// The right of one call to be connected. A call id has at most one; dropping it frees the id.
#[derive(Debug)]
pub struct CallPermit {
    key: Arc<str>,
    admission: Addr<Admission>,
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        // The bound must not hold here: a lost release would lock the call out. There is one per permit at most.
        #[expect(clippy::disallowed_methods, reason = "bounded by the number of permits, and must not be lost")]
        self.admission.do_send(Release(Arc::clone(&self.key)));
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Release(Arc<str>);

impl Handler<Release> for Admission {
    type Result = ();

    fn handle(&mut self, release: Release, _: &mut Metered<Self>) {
        self.connected.remove(&release.0);
    }
}

/// From now on only calls that were promised to a carrier are admitted.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopAdmitting;

impl Handler<StopAdmitting> for Admission {
    type Result = ();

    fn handle(&mut self, _: StopAdmitting, _: &mut Metered<Self>) {
        self.draining = true;
    }
}

/// How many calls are connected. Answered with a count.
#[derive(Debug, Message)]
#[rtype(result = "usize")]
pub struct CountCalls;

impl Handler<CountCalls> for Admission {
    type Result = usize;

    fn handle(&mut self, _: CountCalls, _: &mut Metered<Self>) -> usize {
        self.connected.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use operetta_stage::Playbill;

    fn admit(key: &str, proof: Proof, token: Option<&str>) -> Admit {
        Admit { key: key.into(), call_sid: Some(key.into()), proof, token: token.map(TokenDigest::of) }
    }

    fn granted(token: &str, call: &str) -> Granted {
        let grant = Grant { call_sid: Some(call.into()), ..Grant::default() };
        Granted { token: TokenDigest::of(token), grant }
    }

    fn door(most_calls: usize) -> (Addr<Admission>, operetta_stage::Hand) {
        let (clock, hand) = Clock::by_hand();
        let bill = Playbill::new("test");
        let (door, _) = Metered::run(Admission::new(clock, most_calls), Admission::MAILBOX, &bill);
        (door, hand)
    }

    async fn ask(door: &Addr<Admission>, admit: Admit) -> Result<Admitted, Refusal> {
        door.send(admit).await.expect("the admission lives")
    }

    #[actix::test]
    async fn a_token_is_spent_by_one_accepted_start_of_its_own_call() {
        let (door, _hand) = door(10);
        door.send(granted("t1", "call-1")).await.unwrap();
        assert_eq!(ask(&door, admit("call-2", Proof::Token, Some("t1"))).await.unwrap_err(), Refusal::Auth);
        assert_eq!(ask(&door, admit("call-1", Proof::Token, Some("t2"))).await.unwrap_err(), Refusal::Auth);
        assert_eq!(ask(&door, admit("call-1", Proof::Token, None)).await.unwrap_err(), Refusal::Auth);
        let first = ask(&door, admit("call-1", Proof::Token, Some("t1"))).await.expect("the right call with its token");
        drop(first);
        assert_eq!(ask(&door, admit("call-1", Proof::Token, Some("t1"))).await.unwrap_err(), Refusal::Auth, "replay");
    }

    #[actix::test]
    async fn an_authenticated_leg_may_come_back_with_its_spent_token_and_not_with_another_calls() {
        let (door, _hand) = door(10);
        door.send(granted("t1", "call-1")).await.unwrap();
        door.send(granted("t2", "call-2")).await.unwrap();
        let first = ask(&door, admit("call-1", Proof::Upgrade, Some("t1"))).await.expect("its own token");
        let second = ask(&door, admit("call-1", Proof::Upgrade, Some("t1"))).await;
        assert_eq!(second.unwrap_err(), Refusal::Duplicate, "while the first leg is there");
        drop(first);
        ask(&door, admit("call-1", Proof::Upgrade, Some("t1"))).await.expect("the carrier reconnects");
        assert_eq!(ask(&door, admit("call-3", Proof::Upgrade, Some("t2"))).await.unwrap_err(), Refusal::Auth);
        ask(&door, admit("call-4", Proof::Upgrade, None)).await.expect("authenticated at the upgrade");
    }

    #[actix::test]
    async fn a_token_lives_for_sixty_seconds() {
        let (door, hand) = door(10);
        door.send(granted("t1", "call-1")).await.unwrap();
        hand.advance(Admission::TOKEN_LIFE);
        assert_eq!(ask(&door, admit("call-1", Proof::Token, Some("t1"))).await.unwrap_err(), Refusal::Auth);
    }

    #[test]
    fn tokens_that_nobody_spends_are_forgotten_and_a_flood_of_them_is_bounded() {
        let (clock, hand) = Clock::by_hand();
        let mut admission = Admission::new(clock, 10);
        let give = |admission: &mut Admission, count: usize, from: usize| {
            for number in from..from + count {
                let token = TokenDigest::of(&number.to_string());
                admission.remember(Granted { token, grant: Grant::default() });
            }
        };
        give(&mut admission, Admission::MOST_GRANTS + 100, 0);
        assert_eq!(
            (admission.grants.len(), admission.given_out.len()),
            (Admission::MOST_GRANTS, Admission::MOST_GRANTS)
        );
        hand.advance(Admission::TOKEN_LIFE);
        give(&mut admission, 1, 1_000_000);
        assert_eq!((admission.grants.len(), admission.given_out.len()), (1, 1));
    }

    #[actix::test]
    async fn of_four_legs_that_race_for_one_call_one_wins() {
        let (door, _hand) = door(10);
        door.send(granted("t1", "call-1")).await.unwrap();
        let legs = (0..4).map(|_| ask(&door, admit("call-1", Proof::Token, Some("t1"))));
        let answers = futures_util::future::join_all(legs).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    }

    #[actix::test]
    async fn a_second_leg_is_refused_until_the_first_has_ended() {
        let (door, _hand) = door(10);
        let first = ask(&door, admit("call-1", Proof::Upgrade, None)).await.expect("the first leg");
        assert_eq!(ask(&door, admit("call-1", Proof::Upgrade, None)).await.unwrap_err(), Refusal::Duplicate);
        drop(first);
        ask(&door, admit("call-1", Proof::Upgrade, None)).await.expect("the call id is free again");
    }

    #[actix::test]
    async fn a_leg_that_begins_without_a_start_is_known_by_its_token() {
        let (door, _hand) = door(10);
        door.send(granted("t1", "call-1")).await.unwrap();
        door.send(granted("t2", "call-1")).await.unwrap();
        let nameless = Admit { call_sid: None, ..admit("stream-1", Proof::Token, Some("t1")) };
        let first = ask(&door, nameless).await.expect("the token alone must do");
        let second = admit("call-1", Proof::Token, Some("t2"));
        assert_eq!(ask(&door, second).await.unwrap_err(), Refusal::Duplicate);
        drop(first);
        ask(&door, admit("call-1", Proof::Token, Some("t2"))).await.expect("the call id is free again");
    }

    #[actix::test]
    async fn capacity_is_counted_in_live_calls() {
        let (door, _hand) = door(1);
        let first = ask(&door, admit("call-1", Proof::Upgrade, None)).await.expect("room for one");
        assert_eq!(ask(&door, admit("call-2", Proof::Upgrade, None)).await.unwrap_err(), Refusal::Capacity);
        drop(first);
        assert_eq!(door.send(CountCalls).await.unwrap(), 0);
    }

    #[actix::test]
    async fn a_drained_door_keeps_its_promises_and_makes_no_new_ones() {
        let (door, _hand) = door(10);
        door.send(granted("t1", "call-1")).await.unwrap();
        door.send(StopAdmitting).await.unwrap();
        assert_eq!(ask(&door, admit("call-2", Proof::Upgrade, None)).await.unwrap_err(), Refusal::Draining);
        ask(&door, admit("call-1", Proof::Token, Some("t1"))).await.expect("was promised before");
    }
}
