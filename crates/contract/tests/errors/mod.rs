//! The page of error codes.

use std::fmt::Write as _;

use operetta_contract::{Blame, ErrorClass, FaultCode, Role};

/// The whole of docs/ERRORS.md.
pub(crate) fn page() -> String {
    let mut page = String::from(HEAD);
    for fault in FaultCode::ALL {
        let name = format!("{} {}", fault.code(), fault.title());
        let _ = writeln!(page, "\n## {name}\n\n{}\n", fault.meaning());
        let _ = writeln!(page, "- **the engine**: {}", fault.engine());
        let _ = writeln!(page, "- **the operator**: {}", fault.operator());
        let _ = writeln!(page, "- **whose concern**: {}", concern(fault.blame()));
        if let Some(area) = fault.reserved_for() {
            let _ = writeln!(page, "- **reserved**: does not occur yet; comes with {area}");
        }
    }
    page.push_str(CLASSES);
    for class in ErrorClass::ALL {
        let codes: Vec<_> =
            [Role::Stt, Role::Llm, Role::Tts].map(|role| FaultCode::of_class(role, class).code()).into();
        let codes = if codes.iter().all(|code| *code == codes[0]) { codes[0].to_owned() } else { codes.join(", ") };
        let effect = if class.needs_operator() {
            "opens the breaker at once"
        } else if class.is_illness() {
            "counts"
        } else {
            "does not count"
        };
        let _ = writeln!(page, "| `{}` | {codes} | {:?} | {effect} |", class.code(), class.retry());
    }
    page
}

const fn concern(blame: Blame) -> &'static str {
    match blame {
        Blame::Carrier => "the carrier's",
        Blame::Provider => "the provider's",
        Blame::Operator => "the operator's",
        Blame::Us => "ours: please report it",
    }
}

const HEAD: &str = "\
# Error codes

This page is made from the code: `cargo run -q -p operetta-contract --example faults > docs/ERRORS.md`. A test fails where it is
old, another one where a code is provoked by no test.

A code never changes its meaning. It shows in the log as the field `fault`, in `operetta_faults_total{code}`, and where the engine
ends with an error in its last line. Logs have the id of the call beside it; metrics have the count.
";

const CLASSES: &str = "
## Classes of provider failures

`operetta_provider_errors_total{error_type}` counts failures of providers by class. Where three codes stand, they are those of a
recogniser, a model and a voice.

| class | code | ask the same again | circuit breaker |
|---|---|---|---|
";
