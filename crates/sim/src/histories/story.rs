use operetta_call::{At, Call, CloseReason, Effect, Input, Limits};

use super::{
    coverage::Coverage,
    dice::Dice,
    plant::{Plant, Planted},
    pool::Pool,
    watch::{Broken, Rule, Watch},
    world::World,
};

/// One history: the inputs of the world, then silence until the call has closed, then a few latecomers.
#[derive(Debug)]
pub struct Story<'p> {
    machine: Planted,
    watch: Watch,
    world: World<'p>,
    now: At,
    effects: Vec<Effect>,
    steps: u64,
}

/// Whether a history is written down while it is played.
#[derive(Debug)]
pub enum Telling<'l> {
    /// It is not: for millions.
    Quiet,
    /// One line an input: for one.
    Aloud(&'l mut Vec<String>),
}

/// What a history has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// How many inputs the machine was given.
    pub steps: u64,
    /// Where it has been.
    pub coverage: Coverage,
    /// Why the call closed.
    pub closed: Option<CloseReason>,
    /// The first promise that did not hold.
    pub broken: Option<Broken>,
}

impl<'p> Story<'p> {
    /// Every history has this many inputs at least, and less than twice as many.
    const INPUTS: u32 = 24;
    /// Inputs that still come when the call is over.
    const LATECOMERS: u32 = 4;
    /// A silent world sees the call close within so many deadlines.
    const PATIENCE: u32 = 4000;

    pub(super) fn new(pool: &'p Pool, seed: u64, index: u64, plant: Option<Plant>) -> Self {
        Self {
            machine: Planted::new(Call::new(Limits::default()), plant),
            watch: Watch::new(),
            world: World::new(pool, Dice::new(seed, index)),
            now: At::ZERO,
            effects: Vec::with_capacity(8),
            steps: 0,
        }
    }

    pub(super) fn tell(&mut self, mut telling: Telling<'_>) -> Ending {
        let broken = self.play(&mut telling).err();
        Ending {
            steps: self.steps,
            coverage: self.watch.coverage().clone(),
            closed: self.machine.call.closed(),
            broken,
        }
    }

    fn play(&mut self, telling: &mut Telling<'_>) -> Result<(), Broken> {
        let inputs = Self::INPUTS + self.world.dice().below(Self::INPUTS);
        for _ in 0..inputs {
            if self.machine.call.closed().is_some() {
                break;
            }
            let (at, input) = self.world.next(self.now, self.machine.call.deadline());
            self.step(at, &input, telling)?;
        }
        self.wait_for_the_end(telling)?;
        for _ in 0..Self::LATECOMERS {
            let (at, input) = self.world.next(self.now, None);
            self.step(at, &input, telling)?;
        }
        self.watch.over(&self.machine.call)
    }

    /// Nobody says anything any more. In some histories the line stays open, so that the call has to find its own end.
    fn wait_for_the_end(&mut self, telling: &mut Telling<'_>) -> Result<(), Broken> {
        let line_open = self.world.dice().chance(4);
        for _ in 0..Self::PATIENCE {
            let Some(due) = self.machine.call.deadline() else { return Ok(()) };
            if line_open {
                self.step(self.now, &Input::CallerAudio, telling)?;
            }
            self.step(self.machine.call.deadline().map_or(due, |at| at.max(self.now)), &Input::TimePassed, telling)?;
        }
        let phase = self.machine.call.phase();
        Err(Broken::new(Rule::EndsByItself, format!("still {phase} after {} deadlines", Self::PATIENCE)))
    }

    fn step(&mut self, at: At, input: &Input, telling: &mut Telling<'_>) -> Result<(), Broken> {
        self.now = self.now.max(at);
        self.machine.step(at, input, &mut self.effects);
        self.steps += 1;
        let verdict = self.watch.after(self.now, input, &self.effects, &self.machine.call);
        if let Telling::Aloud(lines) = telling {
            lines.push(line(at, input, &self.effects, &self.machine.call));
        }
        self.world.obey(&self.effects);
        verdict
    }
}

fn line(at: At, input: &Input, effects: &[Effect], call: &Call) -> String {
    let input = match input {
        Input::Started(start) => {
            format!("Started {{ duplex: {}, settings: {:?} }}", start.duplex, start.settings)
        }
        other => format!("{other:?}"),
    };
    let orders: Vec<_> = effects.iter().map(|effect| format!("{effect:?}")).collect();
    let due = call.deadline().map_or_else(|| "-".to_owned(), |due| due.to_string());
    let orders = if orders.is_empty() { String::new() } else { format!("\n{:>14}=> {}", "", orders.join(", ")) };
    format!("{at:>10} {:<10} {input}   (open {}, due {due}){orders}", call.phase(), call.open_jobs())
}
