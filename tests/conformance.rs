//! The short form of `make conformance`: every vendor's codec behind its real worker against the fake vendors.

use operetta_tests::conformance::{Plan, rehearse};

#[test]
fn every_codec_keeps_its_promises_behind_its_worker() {
    let report = actix_rt::System::new().block_on(rehearse(&Plan::default()));
    println!("{report}");
    let failures: Vec<String> =
        report.failures().map(|finding| format!("{}: {}: {:?}", finding.who, finding.check, finding.verdict)).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    // Whoever has no check does not pass by that.
    for api in operetta_sim::theatre::Api::ALL {
        let is_there = report.findings.iter().any(|finding| finding.who == api.name());
        assert!(is_there || api == operetta_sim::theatre::Api::Status, "{api} is not examined");
    }
}
