//! What the documents say about files must be true of the files.

use std::collections::BTreeSet;

use crate::{Complaints, assert_content, assert_noticed, assert_tidy, house::House};

/// Links from one document to a file of the project that is not there.
fn links(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for paper in house.written_in("md") {
        let folder = paper.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in targets(&paper.text) {
            let path = resolve(folder, target);
            let there = house.files.iter().any(|file| file.path == path || file.path.starts_with(&format!("{path}/")));
            if !there && !path.is_empty() {
                complaints.push(format!("{}: links to {target}, which is not there", paper.path));
            }
        }
    }
    complaints
}

/// The rooms as ARCHITECTURE.md lists them.
fn map(house: &House) -> Complaints {
    let Some(map) = house.file("docs/ARCHITECTURE.md") else { return vec!["docs/ARCHITECTURE.md is not there".into()] };
    let missing = house.rooms.iter().filter(|room| {
        let name = &room.name;
        let places = [format!("| `crates/{name}` |"), format!("| `examples/{name}` |"), format!("| `{name}/` |")];
        !places.iter().any(|place| map.text.contains(place))
    });
    missing.map(|room| format!("docs/ARCHITECTURE.md has no row for the room {}", room.name)).collect()
}

/// Metrics that are exported and not explained, or explained and not exported.
fn metrics(house: &House) -> Complaints {
    let sources = house.rust().filter(|file| file.path.starts_with("crates/server/src/metrics"));
    let exported: BTreeSet<&str> = sources.flat_map(|file| quoted(&file.text)).filter(|word| is_metric(word)).collect();
    let explained: BTreeSet<&str> = rows(house, "docs/METRICS.md").filter(|word| is_metric(word)).map(stem).collect();
    let silent = exported.difference(&explained).map(|name| format!("docs/METRICS.md has no row for {name}"));
    let stale =
        explained.difference(&exported).map(|name| format!("docs/METRICS.md explains {name}: nobody exports it"));
    silent.chain(stale).collect()
}

/// Reasons for which a call can end, and that no operator could look up.
fn reasons(house: &House) -> Complaints {
    let Some(source) = house.file("crates/call/src/reason.rs") else { return Complaints::new() };
    let explained: BTreeSet<&str> = rows(house, "docs/METRICS.md").collect();
    let words = source.text.lines().filter(|line| line.contains("=> \"")).flat_map(quoted);
    let silent = words.filter(|word| !explained.contains(word));
    silent.map(|word| format!("docs/METRICS.md does not explain the reason {word}")).collect()
}

/// The first cells of a document's tables, where they are code.
fn rows<'a>(house: &'a House, path: &str) -> impl Iterator<Item = &'a str> {
    let text = house.file(path).map_or("", |file| file.text.as_str());
    text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next())
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

fn is_metric(word: &str) -> bool {
    let known = ["operetta_", "process_", "http_server_"].iter().any(|beginning| word.starts_with(beginning));
    known && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// The name without what the exposition adds to it.
fn stem(name: &str) -> &str {
    name.strip_suffix("_total").or_else(|| name.strip_suffix("_info")).unwrap_or(name)
}

/// What stands in round brackets behind square ones, without anchors; addresses of other hosts left out.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let links = prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split([')', ' ', '#']).next());
    links.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

fn resolve(folder: &str, target: &str) -> String {
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[test]
fn links_lead_somewhere() {
    assert_tidy(links);
    let paper = |text: &'static str| {
        move |house: &mut House| {
            house.put("docs/README.md", text);
            house.put("docs/adr/0001-one.md", "");
            house.put("Makefile", "");
        }
    };
    for text in ["see [one](adr/0002-two.md)", "see [it](../Cargo.toml#there) and [this](https://example.com)"] {
        assert_noticed(links, paper(text), "docs/README.md");
    }
    assert_content(
        links,
        paper("[a](adr/0001-one.md), [b](../Makefile), [c](adr), [d](#below)\n```\n[x](gone.md)\n```"),
    );
}

#[test]
fn the_map_shows_every_room() {
    assert_tidy(map);
    let rooms = |house: &mut House| {
        house.build("call", &[]);
        house.build("tests", &[]);
    };
    assert_noticed(
        map,
        |house| {
            rooms(house);
            house.put("docs/ARCHITECTURE.md", "| `tests/` | whole calls |");
        },
        "call",
    );
    assert_content(map, |house| {
        rooms(house);
        house.put("docs/ARCHITECTURE.md", "| `crates/call` | a call |\n| `tests/` | whole calls |");
    });
}

#[test]
fn every_metric_is_explained_and_every_explained_metric_exists() {
    assert_tidy(metrics);
    let export = |name: &str| format!("Self::Depth => (\"{name}\", Gauge, \"How deep it is\"),");
    let (source, paper) = ("crates/server/src/metrics/catalogue.rs", "docs/METRICS.md");
    assert_noticed(metrics, |house| house.put(source, &export("operetta_depth")), "no row for operetta_depth");
    assert_noticed(metrics, |house| house.put(paper, "| `operetta_depth_total` | counter |"), "nobody exports");
    assert_content(metrics, |house| {
        house.put(source, &export("operetta_depth"));
        house.put(paper, "| `operetta_depth_total` | counter |");
    });
}

#[test]
fn every_reason_is_explained() {
    assert_tidy(reasons);
    let source = "Self::Bored => \"bored\",";
    assert_noticed(reasons, |house| house.put("crates/call/src/reason.rs", source), "bored");
    assert_content(reasons, |house| {
        house.put("crates/call/src/reason.rs", source);
        house.put("docs/METRICS.md", "| `bored` | nobody said anything |");
    });
}
