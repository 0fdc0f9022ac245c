use std::{fs, io, time::Duration};

use operetta_caller::Ending;
use operetta_tests::{
    chaos::{
        cast::{AGENTS, Agent, GREETING},
        round::{BAR_MS, Quantiles, Row, Size, place},
        stage::Stage,
    },
    engine::Setup,
};

use crate::{SHAKY, say};

/// Places calls until `wanted` panics and hangs have struck the workers of their providers, and says after each round how it
/// stands. Whether every call went on, and nobody waited too long.
pub(crate) fn run(size: Size, wanted: usize) -> io::Result<bool> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("fallen");
    let program = std::env::current_exe()?;
    let engine = Setup::of(&program, &[SHAKY, &log.display().to_string()])
        .var("GREETING_TEXT", GREETING)
        .var("OPERETTA__LOG__LEVEL", "off")
        .var("OPERETTA__RECORDING__ENABLED", "false")
        .start();
    let stage = Stage::around(engine);
    let agent = Agent { name: "asha", ..AGENTS[0] };
    let (mut calls, mut ended, mut unsaid, mut unanswered) = (0, 0, 0, 0);
    let mut silence = Vec::new();
    say("  calls  ended  unsaid  unanswered  silence max  panics   hangs  back p50   p99   max (ms)");
    loop {
        let before = stage.engine.metrics();
        let done = place(&stage, &[agent], size, Ending::HangUp);
        stage.engine.until_quiet(Duration::from_secs(30));
        let row = Row::of("panics", &done, &before, &stage.engine.metrics());
        calls += row.calls;
        ended += row.ended.values().sum::<usize>();
        unsaid += row.unsaid;
        unanswered += row.unanswered;
        silence.push(row.silence.max);
        let fallen = fs::read_to_string(&log)?;
        let backs: Vec<u32> = fallen.lines().filter_map(|line| line.strip_prefix("back ")?.parse().ok()).collect();
        let (panics, hangs) = (backs.len(), fallen.lines().filter(|line| *line == "hang").count());
        let back = Quantiles::of(backs);
        let ms = |us: u32| f64::from(us) / 1000.0;
        let longest = silence.iter().max().copied().unwrap_or(0);
        say(&format!(
            "{calls:>7} {ended:>6} {unsaid:>7} {unanswered:>11} {longest:>12} {panics:>7} {hangs:>7} {:>9.2} {:>5.2} {:>5.2}",
            ms(back.p50),
            ms(back.p99),
            ms(back.max)
        ));
        if ended + unsaid + unanswered > 0 || longest > BAR_MS {
            say(&row.to_string());
            return Ok(false);
        }
        if panics + hangs >= wanted {
            return Ok(true);
        }
    }
}
