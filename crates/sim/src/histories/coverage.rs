use operetta_call::{CloseReason, PhaseName};

/// Where histories have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    arrows: [[u64; PHASES]; PHASES],
    closes: [u64; REASONS],
}

const PHASES: usize = PhaseName::ALL.len();
const REASONS: usize = CloseReason::ALL.len();

impl Coverage {
    /// A phase followed another.
    pub(super) const fn entered(&mut self, from: PhaseName, to: PhaseName) {
        self.arrows[from as usize][to as usize] += 1;
    }

    /// A call closed.
    pub(super) fn closed(&mut self, reason: CloseReason) {
        if let Some(index) = CloseReason::ALL.iter().position(|known| *known == reason) {
            self.closes[index] += 1;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.arrows.as_flattened_mut().iter_mut().zip(other.arrows.as_flattened()) {
            *mine += theirs;
        }
        for (mine, theirs) in self.closes.iter_mut().zip(&other.closes) {
            *mine += theirs;
        }
    }

    /// Every arrow that was taken, with how often.
    pub fn arrows(&self) -> impl Iterator<Item = (PhaseName, PhaseName, u64)> + '_ {
        let froms = PhaseName::ALL.into_iter().zip(&self.arrows);
        froms
            .flat_map(|(from, tos)| PhaseName::ALL.into_iter().zip(tos).map(move |(to, times)| (from, to, *times)))
            .filter(|(_, _, times)| *times > 0)
    }

    /// Every close reason that came up, with how often.
    pub fn closes(&self) -> impl Iterator<Item = (CloseReason, u64)> + '_ {
        CloseReason::ALL.into_iter().zip(self.closes).filter(|(_, times)| *times > 0)
    }
}
