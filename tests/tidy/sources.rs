//! What may be written, and how much of it in one file.

use crate::{
    Complaints, assert_content, assert_noticed, assert_tidy,
    house::{File, House},
    rust,
};

/// From this length on a file must say in [`LONG`] why it is one thing.
const LONG_LINES: usize = 500;
/// No reason is good enough for more.
const MOST_LINES: usize = 600;

/// Long files: path, why it is one thing.
const LONG: &[(&str, &str)] = &[
    (
        "crates/sim/src/histories/watch.rs",
        "all promises of the machine beside each other: which one is missing must show",
    ),
    (
        "crates/local/src/mind/talk.rs",
        "the dialogue as one table: what is said in which state, read from top to bottom",
    ),
    ("crates/stage/tests/jobs.rs", "every way in which a job can end, beside each other so that a gap shows"),
];

/// Tests that wait in real time: file or folder, what they wait for. Everywhere else tests own the time
/// (`start_paused`), or wait for an event.
const REAL_TIME: &[(&str, &str)] = &[
    ("crates/server/tests/leg_costs.rs", "measures the processor time of one second"),
    (
        "crates/server/tests/leg_traps.rs",
        "a real peer that is slow, and one that answers no ping: the time is the trap",
    ),
    ("crates/workers/tests/duplex/feeds.rs", "feeds a real socket until the kernel takes no more"),
    ("crates/workers/tests/http/http2.rs", "asks a real server again, up to a deadline"),
    ("crates/server/tests/leg_support/mod.rs", "asks a counter of another thread again, up to a deadline"),
    ("tests/src/", "the engine is another process: it is asked again in real time, up to a deadline"),
    ("crates/stage/tests/metering.rs", "holds a thread on purpose: the lag that follows is what is measured"),
];

/// What shows that a file's tests run in paused time.
const PAUSED: [&str; 4] = ["start_paused", "time::pause", "on_a_lane", "by_hand"];

/// Words that no code may hold: the word, why.
const UNFINISHED: [(&str, &str); 3] = [
    ("todo", "what is not written yet is an issue, not a panic"),
    ("unimplemented", "what is not written yet is an issue, not a panic"),
    ("ignore", "a test that does not run proves nothing: shorten it, or move its long form to the theatre"),
];

/// How paths of one person's machine begin. In halves, so that this file does not hold them.
const MACHINES: [(&str, &str); 7] =
    [("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/"), ("C:\\Us", "ers"), ("/wo", "rk/"), ("/tm", "p/"), ("/mn", "t/")];

/// Machine paths that are none: path of the file, what is meant.
const NOT_OURS: &[(&str, &str)] = &[];

fn length(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for file in house.rust() {
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            complaints.push(format!("{}: {lines} lines; one file is one concept, at most {MOST_LINES}", file.path));
        } else if lines > LONG_LINES && !listed(LONG, &file.path) {
            complaints.push(format!("{}: {lines} lines; split it, or say in LONG why it is one thing", file.path));
        }
    }
    complaints
}

fn unfinished(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for file in house.rust() {
        for (at, line) in numbered(&rust::code(&file.text)) {
            for (word, why) in UNFINISHED {
                let spelled = match word {
                    "ignore" => line.trim_start().starts_with("#[ignore") || line.contains(", ignore"),
                    _ => line.contains(&format!("{word}!")),
                };
                if spelled {
                    complaints.push(format!("{}:{at}: {word}: {why}", file.path));
                }
            }
        }
    }
    complaints
}

fn sleeps(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for file in house.rust().filter(|file| !listed(REAL_TIME, &file.path)) {
        let code = rust::code(&file.text);
        let paused = company(house, file).any(|file| PAUSED.iter().any(|word| file.text.contains(word)));
        let tests = test_part(&file.path, &code);
        if tests.contains("thread::sleep") {
            complaints.push(format!("{}: a test holds its thread: wait for an event", file.path));
        } else if rust::names(tests, "sleep") && !paused {
            complaints.push(format!("{}: a test sleeps in real time: pause the time, or wait for an event", file.path));
        }
    }
    complaints
}

fn excuses(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for file in house.rust() {
        let text = rust::code(&file.text);
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (at, _) in text.match_indices(opening) {
                let line = text[..at].lines().count().max(1);
                let attribute = text[at..].split(")]").next().unwrap_or_default();
                if !attribute.contains("reason =") {
                    complaints.push(format!("{}:{line}: {opening}..)] without a reason", file.path));
                } else if opening.contains("allow") && !attribute.contains("dead_code") {
                    complaints.push(format!(
                        "{}:{line}: expect(..) instead of allow(..): it says when it is over",
                        file.path
                    ));
                }
            }
        }
    }
    complaints
}

fn machines(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for file in house.files.iter().filter(|file| !listed(NOT_OURS, &file.path)) {
        for (first, second) in MACHINES {
            let path = format!("{first}{second}");
            for (at, line) in numbered(&file.text) {
                if begins_a_path(line, &path) {
                    complaints.push(format!("{}:{at}: {path} is a path of one machine", file.path));
                }
            }
        }
    }
    complaints
}

fn lints(house: &House) -> Complaints {
    let manifests = house.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    let lax = manifests.filter(|manifest| !inherits_lints(&manifest.text));
    lax.map(|manifest| format!("{}: add [lints] workspace = true", manifest.path)).collect()
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true")
}

/// A path begins where no longer word or address goes on.
fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-}~/".contains(c)))
    })
}

/// The tests of a file: all of it, or what follows its first `cfg(test)`.
fn test_part<'a>(path: &str, code: &'a str) -> &'a str {
    if path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs") {
        return code;
    }
    code.find("#[cfg(test)]").map_or("", |at| &code[at..])
}

/// The files that share a test's time: itself, and for a module below `tests` those beside it.
fn company<'a>(house: &'a House, file: &'a File) -> impl Iterator<Item = &'a File> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let shared = folder.contains("/tests/");
    house.rust().filter(move |other| {
        let beside = shared && other.path.rsplit_once('/').is_some_and(|(place, _)| place == folder);
        other.path == file.path || beside
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

fn listed(table: &[(&str, &str)], path: &str) -> bool {
    table.iter().any(|(listed, _)| *listed == path || listed.ends_with('/') && path.starts_with(listed))
}

#[test]
fn a_file_is_one_concept() {
    assert_tidy(length);
    assert_content(length, |house| house.put("crates/a/src/b.rs", &"x\n".repeat(LONG_LINES)));
    assert_noticed(length, |house| house.put("crates/a/src/b.rs", &"x\n".repeat(LONG_LINES + 1)), "b.rs");
    assert_noticed(length, |house| house.put("crates/a/src/b.rs", &"x\n".repeat(MOST_LINES + 1)), "at most");
}

#[test]
fn nothing_is_left_for_later() {
    assert_tidy(unfinished);
    for code in ["fn f() { todo!() }", "fn f() { unimplemented!(\"..\") }", "#[test]\n#[ignore]\nfn f() {}"] {
        assert_noticed(unfinished, |house| house.put("a.rs", code), "a.rs");
    }
    let harmless = "// todo! later\nlet a = \"todo!\";\n/// ```ignore\nfn f() {}";
    assert_content(unfinished, |house| house.put("a.rs", harmless));
}

#[test]
fn tests_wait_for_events_not_for_time() {
    assert_tidy(sleeps);
    for (path, code) in [
        ("crates/a/tests/b.rs", "async fn f() { tokio::time::sleep(SECOND).await }"),
        ("crates/a/tests/b.rs", "#[tokio::test(start_paused = true)] async fn f() { std::thread::sleep(SECOND) }"),
        ("crates/a/src/b.rs", "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { thread::sleep(SECOND) } }"),
        ("tests/e2e.rs", "async fn f() { sleep(SECOND).await }"),
    ] {
        assert_noticed(sleeps, |house| house.put(path, code), path);
    }
    for (path, code) in [
        ("crates/a/tests/b.rs", "#[tokio::test(start_paused = true)] async fn f() { sleep(SECOND).await }"),
        ("crates/a/src/b.rs", "async fn f() { sleep(SECOND).await }\n#[cfg(test)]\nmod tests {}"),
    ] {
        assert_content(sleeps, |house| house.put(path, code));
    }
    assert_content(sleeps, |house| {
        house.put("crates/a/tests/theatre/mod.rs", "fn f() { builder.start_paused(true) }");
        house.put("crates/a/tests/theatre/cast.rs", "async fn f() { sleep(SECOND).await }");
    });
}

#[test]
fn an_exception_says_why() {
    assert_tidy(excuses);
    for code in ["#[expect(clippy::x)]\nfn f() {}", "#![allow(clippy::x, reason = \"y\")]", "#[allow(dead_code)]"] {
        assert_noticed(excuses, |house| house.put("a.rs", code), "a.rs:1");
    }
    assert_content(excuses, |house| house.put("a.rs", "#[expect(\n    clippy::x,\n    reason = \"y\"\n)]\nfn f() {}"));
}

#[test]
fn no_path_of_one_machine() {
    assert_tidy(machines);
    for (first, second) in MACHINES {
        let text = format!("one\nsee {first}{second}notes.txt");
        assert_noticed(machines, |house| house.put("README.md", &text), "README.md:2");
    }
    let (first, second) = MACHINES[1];
    assert_content(machines, |house| house.put("README.md", &format!("https://example.com{first}{second}page")));
}

#[test]
fn every_crate_takes_the_lints_of_the_house() {
    assert_tidy(lints);
    for manifest in ["[package]\nname = \"a\"", "[lints]\n[dependencies]\nworkspace = true"] {
        assert_noticed(lints, |house| house.put("crates/a/Cargo.toml", manifest), "crates/a/Cargo.toml");
    }
    assert_content(lints, |house| house.put("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"));
}

#[test]
fn no_row_outlives_its_file() {
    let house = House::real();
    let kept = |table: &[(&str, &str)], still: &dyn Fn(&File) -> bool| {
        for (path, _) in table {
            let needed = house.files.iter().any(|file| file.path.starts_with(path) && still(file));
            assert!(needed, "{path}: the row is not needed any more: delete it");
        }
    };
    // A row does not come and go with every line.
    kept(LONG, &|file| file.text.lines().count() > LONG_LINES - 100);
    kept(REAL_TIME, &|file| rust::code(&file.text).contains("sleep"));
    kept(NOT_OURS, &|_| true);
}
