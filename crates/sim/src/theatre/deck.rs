use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::{
    api::{Api, Route},
    play::{Play, Rule},
    script::Reply,
};
use crate::histories::dice::Dice;

/// What is still to be played: the queue first, then the rules by dice.
#[derive(Debug)]
pub(super) struct Deck {
    dice: Dice,
    rules: Vec<Rule>,
    queue: VecDeque<Queued>,
    replies: VecDeque<Reply>,
    transcripts: VecDeque<String>,
    /// How many replies were made up.
    counted: u64,
    /// How often each code was drawn.
    takes: HashMap<String, usize>,
    /// When the first request to an API came that plays H33.
    loading: HashMap<Api, Duration>,
}

#[derive(Debug)]
struct Queued {
    route: Route,
    left: usize,
    /// `None`: play nothing, whatever the rules say.
    play: Option<Play>,
}

impl Deck {
    pub(super) fn new(seed: u64, rules: Vec<Rule>, replies: VecDeque<Reply>, transcripts: VecDeque<String>) -> Self {
        Self {
            dice: Dice::new(seed, 0),
            rules,
            queue: VecDeque::new(),
            replies,
            transcripts,
            counted: 0,
            takes: HashMap::new(),
            loading: HashMap::new(),
        }
    }

    pub(super) fn replace_rules(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
        self.loading.clear();
    }

    pub(super) fn enqueue(&mut self, route: Route, count: usize, play: Option<Play>) {
        self.queue.push_back(Queued { route, left: count, play });
    }

    /// What happens to a request that came `at`, and how often that code was drawn before.
    pub(super) fn draw(&mut self, api: Api, at: Duration) -> Option<(Play, usize)> {
        let play = self.drawn(api)?;
        if let Play::Loading(whole) = play {
            let since = *self.loading.entry(api).or_insert(at);
            if at >= since + whole {
                return None;
            }
        }
        let takes = self.takes.entry(play.code()).or_default();
        *takes += 1;
        Some((play, *takes - 1))
    }

    fn drawn(&mut self, api: Api) -> Option<Play> {
        let suits = |play: &Play| play.suits(api.is_socket());
        let queued = self
            .queue
            .iter_mut()
            .find(|queued| queued.route.covers(api) && queued.left > 0 && queued.play.as_ref().is_none_or(suits));
        if let Some(queued) = queued {
            queued.left -= 1;
            let play = queued.play.clone();
            self.queue.retain(|queued| queued.left > 0);
            return play;
        }
        for rule in self.rules.iter().filter(|rule| rule.route.covers(api) && suits(&rule.play)) {
            // Steps of one in a million; a rule that always holds rolls no dice.
            if rule.chance >= 1.0 || f64::from(self.dice.below(MILLION)) < rule.chance * f64::from(MILLION) {
                return Some(rule.play.clone());
            }
        }
        None
    }

    pub(super) fn reply(&mut self) -> Reply {
        self.replies.pop_front().unwrap_or_else(|| {
            self.counted += 1;
            Reply::counted(self.counted)
        })
    }

    pub(super) fn add_reply(&mut self, reply: Reply) {
        self.replies.push_back(reply);
    }

    pub(super) fn transcript(&mut self) -> Option<String> {
        self.transcripts.pop_front()
    }

    pub(super) fn add_transcript(&mut self, text: String) {
        self.transcripts.push_back(text);
    }
}

const MILLION: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn deck(rules: &str) -> Deck {
        Deck::new(7, Rule::list(rules).unwrap(), VecDeque::new(), VecDeque::new())
    }

    fn draws(deck: &mut Deck, api: Api, count: usize) -> Vec<String> {
        (0..count).map(|_| deck.draw(api, Duration::ZERO).map_or("-".into(), |(play, _)| play.code())).collect()
    }

    #[test]
    fn the_queue_goes_before_the_rules_and_ends() {
        let mut deck = deck("H05");
        deck.enqueue("tts".parse().unwrap(), 2, Some(Play::Gzip));
        deck.enqueue(Route::Any, 1, None);
        assert_eq!(draws(&mut deck, Api::OpenAiChat, 2), ["-", "H05"]);
        assert_eq!(draws(&mut deck, Api::OpenAiSpeech, 3), ["H31", "H31", "H05"]);
    }

    #[test]
    fn the_same_seed_rolls_the_same_and_about_as_often_as_it_should() {
        let roll = || draws(&mut deck("H07@0.25"), Api::Anthropic, 4000);
        assert_eq!(roll(), roll());
        let hits = roll().iter().filter(|code| *code == "H07").count();
        assert!((900..1100).contains(&hits), "{hits}");
    }

    #[test]
    fn sockets_play_what_happens_to_sockets() {
        let mut deck = deck("H09,W05,H07");
        assert_eq!(draws(&mut deck, Api::DeepgramListen, 1), ["W05"]);
        assert_eq!(draws(&mut deck, Api::DeepgramSpeak, 1), ["H09"]);
    }

    #[test]
    fn loading_ends() {
        let mut deck = deck("H33:3");
        let at = |seconds| Duration::from_secs(seconds);
        assert!(deck.draw(Api::OpenAiChat, at(10)).is_some());
        assert!(deck.draw(Api::OpenAiChat, at(12)).is_some());
        assert!(deck.draw(Api::OpenAiChat, at(13)).is_none());
        assert!(deck.draw(Api::Anthropic, at(13)).is_some());
    }
}
