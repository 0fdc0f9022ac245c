/// Seeded dice (splitmix64, Steele, Lea and Flood, OOPSLA 2014): small, fast and the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// The dice of one history. Neighbouring indices share nothing.
    pub(crate) const fn new(seed: u64, index: u64) -> Self {
        Self(mix(seed).wrapping_add(mix(index.wrapping_mul(Self::STEP))))
    }

    const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        mix(self.0)
    }

    /// A number from 0 to `bound - 1`; 0 where the bound is 0.
    pub(crate) const fn below(&mut self, bound: u32) -> u32 {
        (((self.roll() >> 32) * bound as u64) >> 32) as u32
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub(crate) const fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of `all`, which must not be empty.
    pub(crate) const fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u32) as usize]
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_dice_and_another_gives_others() {
        let rolls = |seed, index| {
            let mut dice = Dice::new(seed, index);
            [dice.roll(), dice.roll(), dice.roll()]
        };
        assert_eq!(rolls(7, 1), rolls(7, 1));
        assert_ne!(rolls(7, 1), rolls(7, 2));
        assert_ne!(rolls(7, 1), rolls(8, 1));
    }

    #[test]
    fn every_side_comes_up_and_none_beyond() {
        let mut dice = Dice::new(1, 1);
        let mut seen = [0_u32; 6];
        for _ in 0..6000 {
            seen[dice.below(6) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!(dice.below(0), 0);
    }
}
