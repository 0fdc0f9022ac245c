use std::fs;

use super::{Metric, gather::Value};

/// What the kernel knows of this process (proc(5)). What cannot be read is left out.
pub(super) fn read(push: &mut dyn FnMut(Metric, Value)) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(kilobytes) = field(&status, "VmRSS:") {
        push(Metric::ProcessMemory, Value::Level(kilobytes * 1024));
    }
    if let Some(threads) = field(&status, "Threads:") {
        push(Metric::ProcessThreads, Value::Level(threads));
    }
    if let Some(ticks) = cpu_ticks() {
        push(Metric::ProcessCpu, Value::Seconds(ticks as f64 / TICKS_PER_SECOND));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        push(Metric::ProcessFds, Value::Level(open.count() as i64));
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(most) = field(&limits, "Max open files") {
        push(Metric::ProcessMaxFds, Value::Level(most));
    }
}

/// `USER_HZ`, which Linux fixes at 100 for everything it tells user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time. The name of the process, in brackets, may hold anything; the fields follow it.
fn cpu_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn field(text: &str, name: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_be_read_here() {
        let mut seen = Vec::new();
        read(&mut |metric, value| {
            let positive = match value {
                Value::Level(level) => level > 0,
                Value::Seconds(seconds) => seconds >= 0.0,
                Value::Count(_) | Value::Info | Value::Histogram { .. } => false,
            };
            assert!(positive, "{metric:?}");
            seen.push(metric);
        });
        seen.sort_unstable();
        let all = [
            Metric::ProcessCpu,
            Metric::ProcessMemory,
            Metric::ProcessFds,
            Metric::ProcessMaxFds,
            Metric::ProcessThreads,
        ];
        assert_eq!(seen, all);
    }
}
