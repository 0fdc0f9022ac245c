use std::{fmt, str::FromStr, time::Duration};

use super::{api::Route, ws::Stunt};

/// What a fake vendor does instead of what it should: the failures that callers of real vendors have met.
///
/// As text: the code, then a parameter where there is one, as in `H07`, `H12:2`, `H17:503`, `H35:interleaved`. Durations
/// are seconds (`1.5`) or ms (`1500ms`).
#[derive(Clone, Debug, PartialEq)]
pub enum Play {
    /// H01: the head of the answer comes this much late.
    SlowHead(Duration),
    /// H02: the head comes in time, the first byte of the body this much late.
    SlowBody(Duration),
    /// H03: after so many pieces nothing more comes, and the connection stays open.
    Stall(u32),
    /// H04: the head, and then nothing but pings or comments, this far apart.
    OnlyPings(Duration),
    /// H05: every byte of the body by itself.
    Drip,
    /// H06: chunks of 1, 3 and 959 bytes.
    OddChunks,
    /// H07: the connection is reset before anything is answered. A port that refuses: [`Theatre::base_url_refusing`](super::Theatre::base_url_refusing), and
    /// [`Theatre::close_door`](super::Theatre::close_door).
    Refused,
    /// H08: the request is never read and never answered. A port where not even a connection is made:
    /// [`Theatre::base_url_black_hole`](super::Theatre::base_url_black_hole).
    BlackHole,
    /// H09: the connection is reset after so many bytes of the body, or instead of its end.
    Reset(usize),
    /// H10: the connection is closed properly after so many bytes of the body, without its end.
    EarlyEnd(usize),
    /// H11: the key is wrong.
    BadKey,
    /// H12: too many requests.
    RateLimited(Wait),
    /// H13: the account is used up, told as 429.
    Quota {
        /// The word stands in `type` only, not in `code`.
        only_in_type: bool,
    },
    /// H14: the account is used up, told as 401.
    QuotaAs401,
    /// H15: the account is used up, told as 402.
    QuotaAs402,
    /// H16: the key is wrong, told as 400.
    KeyAs400,
    /// H17: the vendor's own fault; 502 comes as HTML.
    ServerError(u16),
    /// H18: the header `x-should-retry` against the status: `false` with 500, `true` with 400.
    ShouldRetry(bool),
    /// H19: an error after 200.
    LateError {
        /// After the first output, not before it.
        after_output: bool,
    },
    /// H20: one message cannot be read.
    Malformed(Malformed),
    /// H21: the stream ends too early, with a proper end of the body.
    Truncated(Truncated),
    /// H22: messages, fields and blocks that nobody has heard of.
    Unknown,
    /// H23: another spelling of the same events: CRLF, no space, data in several lines, no names.
    Spelling,
    /// H24: 200 with something else.
    WrongType(WrongType),
    /// H25: a WAV header where raw audio was asked for, or an odd one where a header belongs.
    WavHeader(WavHeader),
    /// H26: audio of three times the rate that was asked for.
    WrongRate,
    /// H27: the text is too long.
    TooLong,
    /// H28: one line, or one body, of so many MiB.
    Huge(usize),
    /// H29: the connection is kept alive, and closed when the next request comes.
    DiesOnReuse,
    /// H30: go elsewhere.
    Redirect(u16),
    /// H31: gzip although nobody asked.
    Gzip,
    /// H32: usage, or the end, twice.
    Twice,
    /// H33: the model is being loaded until this long after the first request.
    Loading(Duration),
    /// H34: the model has been shut down.
    ModelGone,
    /// H35: calls of tools, oddly told.
    OddTools(OddTools),
    /// W01 to W37: what happens to sockets.
    Socket(Stunt),
}

/// How a vendor says how long to wait (H12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// `Retry-After` in seconds.
    Seconds(u32),
    /// `retry-after-ms`.
    Milliseconds(u32),
    /// `retry_after_seconds` in the body.
    Body(u32),
    /// Google's `RetryInfo`, in the body.
    RetryInfo(u32),
    /// `Retry-After` as a date of HTTP, 2 s from now.
    Date,
    /// `Retry-After: soon`.
    Garbage,
    /// In the headers that count requests: none is left, and there will be more in 2 s.
    Reset,
    /// Not a word about it: too many at once, which the vendor tells apart from too many a minute where it can.
    Concurrent,
}

/// What is wrong with one message (H20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It stops in the middle.
    Cut,
    /// A field is of another type.
    Type,
    /// It holds a NUL.
    Nul,
}

/// Where a stream ends too early (H21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncated {
    /// In the middle of a line.
    Line,
    /// After a complete event, before the last one.
    Event,
    /// Without `[DONE]`, which is no error. Where there is no `[DONE]`, it ends as [`Truncated::Event`].
    Done,
}

/// What comes instead (H24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongType {
    /// A page to log in.
    Html,
    /// An error as JSON.
    Json,
    /// Nothing, under the right content type.
    Empty,
}

/// What the header is like (H25).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WavHeader {
    /// As it should be.
    Plain,
    /// Of unknown length.
    Endless,
    /// With two more chunks before the data.
    Extra,
}

/// How tools are called (H35).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddTools {
    /// Arguments in one piece.
    Whole,
    /// No arguments.
    Empty,
    /// Cut by the limit of tokens.
    Cut,
    /// Two calls whose pieces alternate.
    Interleaved,
    /// Without id and index.
    Anonymous,
    /// Arguments that are no JSON.
    Invalid,
}

impl Play {
    /// Its code: `H01` to `H35`, `W01` to `W37`.
    pub fn code(&self) -> String {
        let number = match self {
            Self::SlowHead(_) => 1,
            Self::SlowBody(_) => 2,
            Self::Stall(_) => 3,
            Self::OnlyPings(_) => 4,
            Self::Drip => 5,
            Self::OddChunks => 6,
            Self::Refused => 7,
            Self::BlackHole => 8,
            Self::Reset(_) => 9,
            Self::EarlyEnd(_) => 10,
            Self::BadKey => 11,
            Self::RateLimited(_) => 12,
            Self::Quota { .. } => 13,
            Self::QuotaAs401 => 14,
            Self::QuotaAs402 => 15,
            Self::KeyAs400 => 16,
            Self::ServerError(_) => 17,
            Self::ShouldRetry(_) => 18,
            Self::LateError { .. } => 19,
            Self::Malformed(_) => 20,
            Self::Truncated(_) => 21,
            Self::Unknown => 22,
            Self::Spelling => 23,
            Self::WrongType(_) => 24,
            Self::WavHeader(_) => 25,
            Self::WrongRate => 26,
            Self::TooLong => 27,
            Self::Huge(_) => 28,
            Self::DiesOnReuse => 29,
            Self::Redirect(_) => 30,
            Self::Gzip => 31,
            Self::Twice => 32,
            Self::Loading(_) => 33,
            Self::ModelGone => 34,
            Self::OddTools(_) => 35,
            Self::Socket(stunt) => return stunt.failure().id().to_owned(),
        };
        format!("H{number:02}")
    }

    /// Whether it can be played where an API is, or is not, a socket. What happens to connections happens to both.
    pub(super) const fn suits(&self, socket: bool) -> bool {
        match self {
            Self::Refused | Self::BlackHole => true,
            Self::Socket(_) => socket,
            _ => !socket,
        }
    }
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code())
    }
}

impl FromStr for Play {
    type Err = NoPlay;

    fn from_str(text: &str) -> Result<Self, NoPlay> {
        if text.starts_with('W') {
            return text.parse().map(Self::Socket).map_err(|_| NoPlay(text.to_owned()));
        }
        let (code, parameter) = text.split_once(':').map_or((text, None), |(code, rest)| (code, Some(rest)));
        http_play(code, parameter).ok_or_else(|| NoPlay(text.to_owned()))
    }
}

fn http_play(code: &str, parameter: Option<&str>) -> Option<Play> {
    let none = |play| parameter.is_none().then_some(play);
    let time = |default| parameter.map_or(Some(default), duration);
    let word = parameter.unwrap_or_default();
    Some(match code {
        "H01" => Play::SlowHead(time(SLOW)?),
        "H02" => Play::SlowBody(time(SLOW)?),
        "H03" => Play::Stall(number(parameter, 3)?),
        "H04" => Play::OnlyPings(time(Duration::from_secs(1))?),
        "H05" => none(Play::Drip)?,
        "H06" => none(Play::OddChunks)?,
        "H07" => none(Play::Refused)?,
        "H08" => none(Play::BlackHole)?,
        "H09" => Play::Reset(number(parameter, CUT_AFTER)?),
        "H10" => Play::EarlyEnd(number(parameter, CUT_AFTER)?),
        "H11" => none(Play::BadKey)?,
        "H12" => Play::RateLimited(wait(parameter)?),
        "H13" => Play::Quota { only_in_type: one_of(word, &[("", false), ("code", false), ("type", true)])? },
        "H14" => none(Play::QuotaAs401)?,
        "H15" => none(Play::QuotaAs402)?,
        "H16" => none(Play::KeyAs400)?,
        "H17" => Play::ServerError(number(parameter, 500).filter(|status| [500, 502, 503, 504, 529].contains(status))?),
        "H18" => Play::ShouldRetry(one_of(word, &[("", false), ("false", false), ("true", true)])?),
        "H19" => Play::LateError { after_output: one_of(word, &[("", false), ("before", false), ("after", true)])? },
        "H20" => Play::Malformed(one_of(
            word,
            &[("", Malformed::Cut), ("cut", Malformed::Cut), ("type", Malformed::Type), ("nul", Malformed::Nul)],
        )?),
        "H21" => Play::Truncated(one_of(
            word,
            &[("", Truncated::Line), ("line", Truncated::Line), ("event", Truncated::Event), ("done", Truncated::Done)],
        )?),
        "H22" => none(Play::Unknown)?,
        "H23" => none(Play::Spelling)?,
        "H24" => Play::WrongType(one_of(
            word,
            &[("", WrongType::Html), ("html", WrongType::Html), ("json", WrongType::Json), ("empty", WrongType::Empty)],
        )?),
        "H25" => Play::WavHeader(one_of(
            word,
            &[
                ("", WavHeader::Plain),
                ("plain", WavHeader::Plain),
                ("endless", WavHeader::Endless),
                ("extra", WavHeader::Extra),
            ],
        )?),
        "H26" => none(Play::WrongRate)?,
        "H27" => none(Play::TooLong)?,
        "H28" => Play::Huge(number(parameter, 8).filter(|mib| *mib <= 64)?),
        "H29" => none(Play::DiesOnReuse)?,
        "H30" => Play::Redirect(number(parameter, 302).filter(|status| [302, 307].contains(status))?),
        "H31" => none(Play::Gzip)?,
        "H32" => none(Play::Twice)?,
        "H33" => Play::Loading(time(Duration::from_secs(3))?),
        "H34" => none(Play::ModelGone)?,
        "H35" => Play::OddTools(one_of(
            word,
            &[
                ("", OddTools::Whole),
                ("whole", OddTools::Whole),
                ("empty", OddTools::Empty),
                ("cut", OddTools::Cut),
                ("interleaved", OddTools::Interleaved),
                ("anonymous", OddTools::Anonymous),
                ("invalid", OddTools::Invalid),
            ],
        )?),
        _ => return None,
    })
}

/// `1.5` is seconds, `1500ms` is ms; at most a day.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.strip_suffix("ms").map_or((text, 1.0), |digits| (digits, 0.001));
    let seconds = digits.parse::<f64>().ok()? * unit;
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

fn number<N: FromStr>(parameter: Option<&str>, default: N) -> Option<N> {
    parameter.map_or(Some(default), |text| text.parse().ok())
}

fn one_of<T: Copy>(word: &str, all: &[(&str, T)]) -> Option<T> {
    all.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

fn wait(parameter: Option<&str>) -> Option<Wait> {
    Some(match parameter.unwrap_or("2") {
        "ms" => Wait::Milliseconds(2000),
        "body" => Wait::Body(2),
        "info" => Wait::RetryInfo(12),
        "date" => Wait::Date,
        "absurd" => Wait::Seconds(86_400),
        "garbage" => Wait::Garbage,
        "reset" => Wait::Reset,
        "concurrent" => Wait::Concurrent,
        seconds => Wait::Seconds(seconds.parse().ok()?),
    })
}

/// When a play is played.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Of which requests.
    pub route: Route,
    /// What.
    pub play: Play,
    /// How often, 0 to 1.
    pub chance: f64,
}

impl Rule {
    /// Reads a list: `H07@0.1,tts:H09@0.5,openai_chat:H12:2`. Each is `[route:]code[:parameter][@chance]`.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn list(text: &str) -> Result<Vec<Self>, NoPlay> {
        text.split(',').map(str::trim).filter(|rule| !rule.is_empty()).map(str::parse).collect()
    }
}

impl FromStr for Rule {
    type Err = NoPlay;

    fn from_str(text: &str) -> Result<Self, NoPlay> {
        let fault = || NoPlay(text.to_owned());
        let (rest, chance) = match text.rsplit_once('@') {
            Some((rest, chance)) => (rest, chance.parse::<f64>().map_err(|_| fault())?),
            None => (text, 1.0),
        };
        if !(0.0..=1.0).contains(&chance) {
            return Err(fault());
        }
        let (route, play) = match rest.split_once(':') {
            Some((route, play)) if route.parse::<Route>().is_ok() => (route.parse().map_err(|_| fault())?, play),
            _ => (Route::Any, rest),
        };
        Ok(Self { route, play: play.parse().map_err(|_| fault())?, chance })
    }
}

/// Text that names no play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPlay(String);

impl fmt::Display for NoPlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = "[route:]H01..H35 or W01..W37[:parameter][@chance]";
        let routes = "any, a role (tts, stt, llm, realtime), a vendor (openai) or one of its APIs (openai_chat)";
        write!(f, "expected {form}, where a route is {routes}; found {:?}", self.0)
    }
}

impl std::error::Error for NoPlay {}

/// Longer than anybody should wait.
const SLOW: Duration = Duration::from_secs(8);

/// Bytes after which a connection breaks: a quarter of a second of 8 kHz PCM16.
const CUT_AFTER: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theatre::api::{Api, Kind};

    #[test]
    fn every_failure_of_the_list_has_a_play() {
        for number in 1..=35 {
            let code = format!("H{number:02}");
            assert_eq!(code.parse::<Play>().map(|play| play.code()), Ok(code));
        }
        for number in 1..=37 {
            let code = format!("W{number:02}");
            assert!(matches!(code.parse::<Play>(), Ok(Play::Socket(_))), "{code}");
        }
    }

    #[test]
    fn rules_are_read() {
        let rule = |text: &str| text.parse::<Rule>().unwrap();
        assert_eq!(rule("H12:2"), Rule { route: Route::Any, play: Play::RateLimited(Wait::Seconds(2)), chance: 1.0 });
        assert_eq!(
            rule("tts:H09:100@0.5"),
            Rule { route: Route::Kind(Kind::Tts), play: Play::Reset(100), chance: 0.5 }
        );
        assert_eq!(rule("gemini:H34").route, Route::Api(Api::Gemini));
        assert_eq!(rule("H01:250ms").play, Play::SlowHead(Duration::from_millis(250)));
        assert_eq!(rule("H35:cut").play, Play::OddTools(OddTools::Cut));
        assert_eq!(Rule::list("H07@0.1, H05").unwrap().len(), 2);
        assert_eq!(Rule::list("").unwrap(), []);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in ["H00", "H36", "W38", "H05:1", "H17:404", "H01:-1", "H07@1.5", "cobol:H07", "H07@", "h07", "tts:"] {
            let fault = text.parse::<Rule>().unwrap_err();
            assert!(fault.to_string().contains(&format!("{text:?}")), "{fault}");
        }
    }
}
