use std::fmt;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The defaults inside the program.
    Default,
    /// The configuration file, by the path it was given as.
    File(String),
    /// An environment variable, by name.
    Env(String),
}

impl Origin {
    /// The inverse of `Display`; the `config` crate carries origins as text.
    pub(super) fn read(text: Option<&str>) -> Self {
        match text.and_then(|text| text.split_once(':')) {
            Some(("file", path)) => Self::File(path.to_owned()),
            Some(("env", name)) => Self::Env(name.to_owned()),
            _ => Self::Default,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

/// One thing that is wrong with the configuration: where it is, what it is, how to mend it. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where the value comes from.
    pub origin: Origin,
    /// The key, with dots; empty if the whole source is meant.
    pub key: String,
    /// What kind of problem this is.
    pub kind: ProblemKind,
    /// What was expected and what was found.
    pub what: String,
    /// What to do about it, if there is more to say.
    pub help: Option<String>,
}

/// The closed list of configuration problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// The file cannot be read or is not TOML.
    UnreadableFile,
    /// Nothing reads this key or variable.
    UnknownKey,
    /// The value is not of the kind that the key takes.
    BadValue,
    /// Two settings do not fit each other, or one that another needs is missing.
    Conflict,
    /// The server would be open to strangers.
    Exposed,
}

impl ProblemKind {
    /// A stable word for logs and for docs/ERRORS.md.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnreadableFile => "config_unreadable_file",
            Self::UnknownKey => "config_unknown_key",
            Self::BadValue => "config_bad_value",
            Self::Conflict => "config_conflict",
            Self::Exposed => "config_exposed",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            // A default is never wrong by itself: the key alone says what to set.
            Origin::Default => {}
            Origin::File(place) | Origin::Env(place) => write!(f, "{place}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if let Some(help) = &self.help {
            write!(f, "\n    {help}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with the configuration, all of it at once, so that an operator mends it in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
}

impl std::error::Error for Problems {}

impl Problems {
    /// The problems, in the order of their keys; never empty in an `Err`.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// `Err` with everything that was found, or the value if nothing was.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.list.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Adds a problem, unless the value of its key is bad already: what follows from that is not worth a line of its own.
    pub(super) fn add(&mut self, problem: Problem) {
        let cause = |known: &Problem| known.kind == ProblemKind::BadValue && known.key == problem.key;
        let follows = problem.kind != ProblemKind::BadValue && self.list.iter().any(cause);
        if !follows {
            self.list.push(problem);
        }
    }

    /// Adds all problems of another list.
    pub(super) fn extend(&mut self, other: Self) {
        other.list.into_iter().for_each(|problem| self.add(problem));
    }

    pub(super) fn sort(&mut self) {
        self.list.sort_by(|a, b| (&a.key, &a.origin).cmp(&(&b.key, &b.origin)));
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not usable")?;
        for problem in &self.list {
            write!(f, "\n  {problem}")?;
        }
        if self.list.iter().any(|problem| problem.kind == ProblemKind::UnknownKey) {
            f.write_str("\n  list of all keys: operetta check-config --schema")?;
        }
        Ok(())
    }
}
