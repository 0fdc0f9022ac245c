use std::fmt;

/// What came of a run: the checks, and what was measured beside them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    who: &'static str,
    /// The checks, in their order.
    pub findings: Vec<Finding>,
    /// The figures, in their order.
    pub figures: Vec<Figure>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The API.
    pub who: &'static str,
    /// What has to be true, in one sentence.
    pub check: &'static str,
    /// Whether it is.
    pub verdict: Verdict,
}

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is true.
    Pass,
    /// It is not: what was expected and what came.
    Fail(String),
    /// It was not looked at, and why.
    Skip(&'static str),
}

/// Something that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The API.
    pub who: &'static str,
    /// What was measured.
    pub what: &'static str,
    /// With its unit.
    pub value: String,
}

impl Report {
    pub(super) fn new(who: &'static str) -> Self {
        Self { who, ..Self::default() }
    }

    /// All of them as one.
    pub(super) fn of(reports: Vec<Self>) -> Self {
        let mut all = Self::default();
        for report in reports {
            all.findings.extend(report.findings);
            all.figures.extend(report.figures);
        }
        all
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Fail(_)))
    }

    pub(super) fn check(&mut self, check: &'static str, outcome: Result<(), String>) {
        let verdict = outcome.map_or_else(Verdict::Fail, |()| Verdict::Pass);
        self.findings.push(Finding { who: self.who, check, verdict });
    }

    pub(super) fn skip(&mut self, check: &'static str, why: &'static str) {
        self.findings.push(Finding { who: self.who, check, verdict: Verdict::Skip(why) });
    }

    pub(super) fn figure(&mut self, what: &'static str, value: impl Into<String>) {
        self.figures.push(Figure { who: self.who, what, value: value.into() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = self.findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or(0);
        for Finding { who, check, verdict } in &self.findings {
            let (word, why) = match verdict {
                Verdict::Pass => ("pass", ""),
                Verdict::Fail(why) => ("FAIL", why.as_str()),
                Verdict::Skip(why) => ("skip", *why),
            };
            writeln!(f, "{}", format!("{who:<22} {check:<checks$} {word}  {why}").trim_end())?;
        }
        if !self.figures.is_empty() {
            writeln!(f)?;
        }
        let whats = self.figures.iter().map(|figure| figure.what.chars().count()).max().unwrap_or(0);
        for Figure { who, what, value } in &self.figures {
            writeln!(f, "{who:<22} {what:<whats$} {value}")?;
        }
        let skipped = self.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Skip(_))).count();
        let (all, failed) = (self.findings.len(), self.failures().count());
        write!(f, "\n{all} checks: {} passed, {failed} failed, {skipped} skipped", all - failed - skipped)
    }
}
