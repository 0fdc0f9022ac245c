//! The failures, one by one and all together.

use operetta_sim::theatre::{
    Api, Play, Route, Rule,
    ws::{Stunt, WsFailure},
};

/// What the first theatre plays in one round.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The code of the failure; `mixed`, `well` and so on where it is not one.
    pub name: String,
    /// What is played.
    pub rules: Vec<Rule>,
    /// Whether it can happen at a door.
    suits: fn(&Rule, Api) -> bool,
}

impl Bill {
    /// Every failure by itself, H01 to H35 and W01 to W37, each striking every request that it can; in all its forms by turns.
    pub fn each() -> Vec<Self> {
        let http =
            FORMS.iter().map(|(code, forms)| Self { name: (*code).to_owned(), rules: spread(forms, 1.0), suits });
        let sockets = WsFailure::ALL.into_iter().map(|failure| Self {
            name: failure.id().to_owned(),
            rules: vec![Rule { route: Route::Any, play: Play::Socket(Stunt::new(failure)), chance: 1.0 }],
            suits,
        });
        http.chain(sockets).collect()
    }

    /// All of them by dice: of a hundred requests about `percent` are struck by one.
    pub fn mixed(percent: u32) -> Self {
        let each = Self::each();
        // Requests meet about half of the failures each: HTTP or sockets. Some of these change nothing at some doors.
        let chance = f64::from(percent) / 100.0 / 36.0;
        let codes = each.iter().filter(|bill| bill.name != "H08");
        let rules = codes.flat_map(|bill| {
            let forms = bill.rules.len() as f64;
            bill.rules.iter().map(move |rule| Rule { chance: chance / forms, ..rule.clone() })
        });
        Self { name: format!("mixed {percent} %"), rules: rules.collect(), suits: |_, _| true }
    }

    /// Nothing is played.
    pub fn well() -> Self {
        Self { name: "well".to_owned(), rules: Vec::new(), suits: |_, _| true }
    }

    /// No request of these routes is ever answered.
    pub fn mute(routes: &[Route]) -> Vec<Rule> {
        routes.iter().map(|&route| Rule { route, play: Play::BlackHole, chance: 1.0 }).collect()
    }

    /// Whether models call tools in it: who is told to hang up hangs up.
    pub fn calls_tools(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.play, Play::OddTools(_)))
    }

    /// Whether it can strike calls that come to these doors.
    pub fn strikes(&self, doors: impl IntoIterator<Item = Api>) -> bool {
        self.rules.is_empty() || doors.into_iter().any(|api| self.rules.iter().any(|rule| (self.suits)(rule, api)))
    }
}

/// Whether a failure can happen at a door. Those of requests happen to all requests, those of connections to everybody.
fn suits(rule: &Rule, api: Api) -> bool {
    match &rule.play {
        Play::Socket(stunt) => stunt.failure().suits(api),
        Play::Refused | Play::BlackHole => true,
        _ => !api.is_socket(),
    }
}

/// The forms of a failure as rules that strike equally often, together with `chance`.
fn spread(forms: &[&str], chance: f64) -> Vec<Rule> {
    let read = |form: &&str| form.parse::<Play>().unwrap_or_else(|error| panic!("{error}"));
    forms
        .iter()
        .enumerate()
        // The first that falls is played: the later ones have to be likelier.
        .map(|(place, form)| Rule {
            route: Route::Any,
            play: read(form),
            chance: chance / (forms.len() - place) as f64,
        })
        .collect()
}

/// The failures of requests, in their forms. A pause of a day is left out of H12: it outlives the round.
const FORMS: [(&str, &[&str]); 35] = [
    ("H01", &["H01:8"]),
    ("H02", &["H02:8"]),
    ("H03", &["H03:0", "H03:3"]),
    ("H04", &["H04"]),
    ("H05", &["H05"]),
    ("H06", &["H06"]),
    ("H07", &["H07"]),
    ("H08", &["H08"]),
    ("H09", &["H09:0", "H09:4000"]),
    ("H10", &["H10:0", "H10:4000"]),
    ("H11", &["H11"]),
    ("H12", &["H12:2", "H12:ms", "H12:body", "H12:info", "H12:date", "H12:garbage"]),
    ("H13", &["H13:code", "H13:type"]),
    ("H14", &["H14"]),
    ("H15", &["H15"]),
    ("H16", &["H16"]),
    ("H17", &["H17:500", "H17:502", "H17:503", "H17:504", "H17:529"]),
    ("H18", &["H18:false", "H18:true"]),
    ("H19", &["H19:before", "H19:after"]),
    ("H20", &["H20:cut", "H20:type", "H20:nul"]),
    ("H21", &["H21:line", "H21:event", "H21:done"]),
    ("H22", &["H22"]),
    ("H23", &["H23"]),
    ("H24", &["H24:html", "H24:json", "H24:empty"]),
    ("H25", &["H25:plain", "H25:endless", "H25:extra"]),
    ("H26", &["H26"]),
    ("H27", &["H27"]),
    ("H28", &["H28:8"]),
    ("H29", &["H29"]),
    ("H30", &["H30:302", "H30:307"]),
    ("H31", &["H31"]),
    ("H32", &["H32"]),
    ("H33", &["H33:8"]),
    ("H34", &["H34"]),
    ("H35", &["H35:whole", "H35:empty", "H35:cut", "H35:interleaved", "H35:anonymous", "H35:invalid"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_is_left_out() {
        let names: Vec<_> = Bill::each().into_iter().map(|bill| bill.name).collect();
        let expected = (1..=35).map(|n| format!("H{n:02}")).chain((1..=37).map(|n| format!("W{n:02}")));
        assert!(names.iter().cloned().eq(expected), "{names:?}");
        for bill in Bill::each() {
            assert!(bill.rules.iter().all(|rule| rule.play.code() == bill.name), "{}", bill.name);
        }
    }

    #[test]
    fn forms_are_spread_evenly() {
        let rules = spread(&["H05", "H06", "H22"], 1.0);
        let chances: Vec<_> = rules.iter().map(|rule| (rule.chance * 100.0).round() as u32).collect();
        assert_eq!(chances, [33, 50, 100]);
    }

    #[test]
    fn a_failure_strikes_who_can_have_it() {
        let bill = |name: &str| Bill::each().into_iter().find(|bill| bill.name == name).unwrap();
        assert!(!bill("W23").strikes([Api::DeepgramListen, Api::Anthropic]));
        assert!(bill("W23").strikes([Api::Anthropic, Api::DeepgramFlux]));
        assert!(bill("H19").strikes([Api::DeepgramListen, Api::Anthropic]));
        assert!(!bill("H19").strikes([Api::DeepgramListen]));
    }
}
