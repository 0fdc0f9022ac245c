//! What is linked must be free to use in a program that is MIT OR Apache-2.0.

use crate::{
    Complaints, assert_content, assert_noticed, assert_tidy,
    house::{Guest, House},
};

/// Licences that ask for nothing but their notice.
const FREE: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Licences with a condition that we meet: licence, the packages that may come with it, why.
const CONDITIONAL: [(&str, &[&str], &str); 1] =
    [("CDLA-Permissive-2.0", &["webpki-roots"], "data, the root certificates; used as it is")];

/// Packages whose manifest names a file instead of a licence: package, what the file says.
const READ_BY_US: [(&str, &str); 1] = [("language-tokenizer", "WTFPL 2: no conditions")];

/// Packages that must not come in by whatever way: how the name begins, why.
const FORBIDDEN: [(&str, &str); 4] = [
    ("aws-lc", "a second TLS provider, and cmake; ring is the one"),
    ("espeak", "GPL"),
    ("native-tls", "the system's TLS; rustls with ring is the one"),
    ("openssl", "OpenSSL, or what looks for it; rustls with ring is the one"),
];

fn licences(house: &House) -> Complaints {
    let mut complaints = Complaints::new();
    for guest in &house.guests {
        let name = guest.name.as_str();
        match &guest.licence {
            Some(licence) if allowed(licence, name) => {}
            Some(licence) => complaints.push(format!("{name}: licence {licence} is in no table of licences.rs")),
            None if READ_BY_US.iter().any(|(read, _)| *read == name) => {}
            None => complaints.push(format!("{name}: names no licence; read its file, then add a row to READ_BY_US")),
        }
    }
    complaints
}

fn forbidden(house: &House) -> Complaints {
    let found = house.locked.iter().filter_map(|name| {
        let (_, why) = FORBIDDEN.iter().find(|(beginning, _)| name.starts_with(beginning))?;
        Some(format!("Cargo.lock holds {name}: {why}. cargo tree -i {name} says who brought it"))
    });
    found.collect()
}

/// Whether an SPDX expression (or the older form with a slash for OR) can be met.
fn allowed(expression: &str, package: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest, package) && rest.is_empty()
}

fn either(rest: &mut &[&str], package: &str) -> bool {
    let mut met = both(rest, package);
    while let ["OR", after @ ..] = *rest {
        *rest = after;
        // Every operand must be read, whether or not it matters.
        met = both(rest, package) || met;
    }
    met
}

fn both(rest: &mut &[&str], package: &str) -> bool {
    let mut met = one(rest, package);
    while let ["AND", after @ ..] = *rest {
        *rest = after;
        met = one(rest, package) && met;
    }
    met
}

fn one(rest: &mut &[&str], package: &str) -> bool {
    match *rest {
        ["(", after @ ..] => {
            *rest = after;
            let met = either(rest, package);
            match *rest {
                [")", after @ ..] => *rest = after,
                _ => return false,
            }
            met
        }
        [licence, "WITH", exception, after @ ..] => {
            *rest = after;
            listed(&format!("{licence} WITH {exception}"), package)
        }
        [licence, after @ ..] => {
            *rest = after;
            listed(licence, package)
        }
        [] => false,
    }
}

fn listed(licence: &str, package: &str) -> bool {
    let conditional = CONDITIONAL.iter().any(|(name, packages, _)| *name == licence && packages.contains(&package));
    FREE.contains(&licence) || conditional
}

#[test]
fn every_dependency_is_free_to_use() {
    assert_tidy(licences);
    let come = |name: &str, licence: Option<&str>| {
        let guest = Guest { name: name.into(), licence: licence.map(Into::into) };
        |house: &mut House| house.guests.push(guest)
    };
    for licence in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "CDLA-Permissive-2.0", "MIT MIT", "(MIT"]
    {
        assert_noticed(licences, come("guest", Some(licence)), "guest");
    }
    assert_noticed(licences, come("guest", None), "guest");
    for licence in
        ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-3.0) AND ISC", "MIT OR Nobody-1.0 AND GPL-2.0"]
    {
        assert_content(licences, come("guest", Some(licence)));
    }
    assert_content(licences, come("webpki-roots", Some("CDLA-Permissive-2.0")));
}

#[test]
fn forbidden_packages_are_not_even_locked() {
    assert_tidy(forbidden);
    for name in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls", "espeak-rs-sys"] {
        assert_noticed(forbidden, |house| house.locked.extend([name.into()]), name);
    }
}

#[test]
fn no_exception_outlives_its_cause() {
    let house = House::real();
    let comes = |name: &&str| house.guests.iter().any(|guest| guest.name == *name);
    for (licence, packages, _) in CONDITIONAL {
        assert!(packages.iter().all(comes), "nobody comes with {licence} any more: delete the row");
    }
    assert!(READ_BY_US.iter().all(|(name, _)| comes(name)), "delete the row of READ_BY_US that nobody needs");
}
