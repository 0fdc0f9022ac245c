//! What the documents say about files must be true of the files.

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
        let places = [format!("| `crates/{}` |", room.name), format!("| `{}/` |", room.name)];
        !places.iter().any(|place| map.text.contains(place))
    });
    missing.map(|room| format!("docs/ARCHITECTURE.md has no row for the room {}", room.name)).collect()
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
