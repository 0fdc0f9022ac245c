//! What carriers are answered, whatever they send.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(test)]
mod edge_support;

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, dev::ServiceResponse};
use edge_support::{Books, SECRET, TWILIO_TOKEN, edge, open_edge, sign};
use operetta_server::routes::{self, Edge};
use operetta_session::TokenDigest;
use operetta_wire::{Carrier, PhoneNumber};
use proptest::prelude::*;

async fn answer(edge: Edge, request: TestRequest) -> (StatusCode, String, String) {
    let app = init_service(App::new().configure(routes::configure(edge))).await;
    let answer: ServiceResponse = call_service(&app, request.to_request()).await;
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    (answer.status(), kind, String::from_utf8(read_body(answer).await.to_vec()).unwrap())
}

/// The session token of an answer to Exotel, after a look at everything else.
fn exotel_token(body: &str) -> String {
    let url = serde_json::from_str::<serde_json::Value>(body).unwrap();
    assert_eq!(url.as_object().unwrap().len(), 1, "{body}");
    let url = url["url"].as_str().unwrap();
    assert!(url.len() <= 600, "{url}");
    let (address, query) = url.split_once('?').unwrap();
    assert_eq!(address, "wss://voice.example.com/exotel/media");
    assert!(query.len() <= 256 && query.split('&').count() <= 3, "{query}");
    query.strip_prefix("sample-rate=8000&session=").unwrap().to_owned()
}

fn exotel(path: &str) -> String {
    format!("/exotel/voicebot?secret={SECRET}{path}")
}

#[actix_web::test]
async fn exotel_is_answered_in_every_shape() {
    let form = "CallSid=b01&CallFrom=01000000001&CallTo=01000000002&Direction=incoming";
    let json = r#"{"CallSid":"b01","CallFrom":"01000000001","CallTo":"01000000002","Direction":"incoming"}"#;
    let shapes = [
        ("query", TestRequest::get().uri(&exotel(&format!("&{form}")))),
        ("query of a POST", TestRequest::post().uri(&exotel(&format!("&{form}")))),
        ("form", TestRequest::post().uri(&exotel("")).insert_header(("content-type", FORM)).set_payload(form)),
        ("JSON", TestRequest::post().uri(&exotel("")).insert_header(("content-type", JSON)).set_payload(json)),
        ("JSON without a type", TestRequest::post().uri(&exotel("")).set_payload(json)),
        (
            "JSON called a form",
            TestRequest::post().uri(&exotel("")).insert_header(("content-type", FORM)).set_payload(json),
        ),
        (
            "the first of two wins",
            TestRequest::post()
                .uri(&exotel(&format!("&{form}")))
                .insert_header(("content-type", FORM))
                .set_payload("CallSid=b02&From=01000000009"),
        ),
    ];
    for (name, request) in shapes {
        let books = Books::default();
        let (status, kind, body) = answer(edge(&books), request).await;
        assert_eq!((status, &*kind), (StatusCode::OK, "application/json"), "{name}");
        let granted = books.granted.take();
        assert_eq!(granted.len(), 1, "{name}");
        assert_eq!(granted[0].token, TokenDigest::of(&exotel_token(&body)), "{name}");
        let grant = &granted[0].grant;
        assert_eq!(grant.call_sid.as_deref(), Some("b01"), "{name}");
        assert_eq!(grant.from.as_ref().map(PhoneNumber::as_str), Some("01000000001"), "{name}");
        assert_eq!(grant.to.as_ref().map(PhoneNumber::as_str), Some("01000000002"), "{name}");
    }
}

#[actix_web::test]
async fn exotel_is_answered_though_its_body_makes_no_sense() {
    for body in [&b"{\"CallSid\":"[..], b"\xff\xfe\x00", b"%%%=&&&", b"[1,2]", b"<xml/>"] {
        for kind in [FORM, JSON, "multipart/form-data; boundary=x", "text/plain"] {
            let books = Books::default();
            let request = TestRequest::post().uri(&exotel("")).insert_header(("content-type", kind)).set_payload(body);
            let (status, _, answer) = answer(edge(&books), request).await;
            assert_eq!(status, StatusCode::OK, "{kind}");
            exotel_token(&answer);
        }
    }
}

#[actix_web::test]
async fn exotel_without_a_key_is_refused() {
    let right = "Basic a2V5OnBhc3M="; // key:pass
    let rows = [
        ("/exotel/voicebot", None, StatusCode::FORBIDDEN),
        ("/exotel/voicebot?secret=wrong", None, StatusCode::FORBIDDEN),
        ("/exotel/voicebot?session=x", None, StatusCode::FORBIDDEN),
        ("/exotel/voicebot", Some("Basic a2V5Ondyb25n"), StatusCode::FORBIDDEN),
        ("/exotel/voicebot", Some(right), StatusCode::OK),
        ("/exotel/voicebot?token=example-secret", None, StatusCode::OK),
    ];
    for (path, authorization, expected) in rows {
        let books = Books::default();
        let mut request = TestRequest::post().uri(path);
        if let Some(authorization) = authorization {
            request = request.insert_header(("authorization", authorization));
        }
        let (status, _, body) = answer(edge(&books), request).await;
        assert_eq!(status, expected, "{path} {authorization:?}");
        if expected == StatusCode::FORBIDDEN {
            assert_eq!(body, "");
            assert!(books.granted.take().is_empty());
            assert_eq!(books.refused.take(), [Carrier::Exotel]);
        }
    }
}

#[actix_web::test]
async fn a_full_book_still_answers() {
    let books = Books { full: true, ..Books::default() };
    let (status, _, body) = answer(edge(&books), TestRequest::get().uri(&exotel("&CallSid=b01"))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body, r#"{"url":"wss://voice.example.com/exotel/media?sample-rate=8000"}"#);
    let (status, _, body) = answer(edge(&books), signed_post("/twilio/voice", RING)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.ends_with("<Response><Reject reason=\"busy\"/></Response>"), "{body}");
}

#[actix_web::test]
async fn twilio_gets_a_stream_with_a_token() {
    let get = format!("/twilio/voice?{RING}&agent=asha");
    let requests = [
        ("form", signed_post("/twilio/voice?agent=asha", RING)),
        (
            "query",
            TestRequest::get()
                .uri(&get)
                .insert_header(("x-twilio-signature", sign(&format!("https://voice.example.com{get}"), ""))),
        ),
    ];
    for (name, request) in requests {
        let books = Books::default();
        let (status, kind, body) = answer(edge(&books), request).await;
        assert_eq!((status, &*kind), (StatusCode::OK, "text/xml; charset=utf-8"), "{name}");
        let granted = books.granted.take();
        let token = body.split("name=\"session_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(granted[0].token, TokenDigest::of(token), "{name}");
        assert_eq!(granted[0].grant.call_sid.as_deref(), Some("CA1"), "{name}");
        assert_eq!(granted[0].grant.agent.as_deref(), Some("asha"), "{name}");
        assert_eq!(
            body,
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect>\
                 <Stream url=\"wss://voice.example.com/twilio/media\"><Parameter name=\"session_token\" value=\"{token}\"/>\
                 <Parameter name=\"agent\" value=\"asha\"/></Stream></Connect></Response>"
            )
        );
    }
}

#[actix_web::test]
async fn twilio_requests_that_are_not_twilios_are_refused() {
    let unsigned = || TestRequest::post().uri("/twilio/voice").insert_header(("content-type", FORM)).set_payload(RING);
    let signature = || sign("https://voice.example.com/twilio/voice", RING);
    let rows = [
        ("no signature", unsigned()),
        ("an empty one", unsigned().insert_header(("x-twilio-signature", ""))),
        ("somebody else's", unsigned().insert_header(("x-twilio-signature", "J0hSnf5M7x3myaFom+HbAR7Fq7Q="))),
        (
            "two signatures",
            unsigned()
                .append_header(("x-twilio-signature", signature()))
                .append_header(("x-twilio-signature", signature())),
        ),
        ("another body", unsigned().insert_header(("x-twilio-signature", signature())).set_payload("CallSid=CA2")),
        ("another path", unsigned().insert_header(("x-twilio-signature", signature())).uri("/twilio/voice?x=1")),
        (
            "signed for the host of another site",
            unsigned()
                .insert_header(("x-twilio-signature", sign("https://evil.example/twilio/voice", RING)))
                .insert_header(("host", "evil.example"))
                .insert_header(("x-forwarded-host", "evil.example")),
        ),
        (
            "JSON with nothing to vouch for it",
            TestRequest::post()
                .uri("/twilio/voice")
                .insert_header(("x-twilio-signature", sign("https://voice.example.com/twilio/voice", "")))
                .insert_header(("content-type", JSON))
                .set_payload(r#"{"CallSid":"CA1"}"#),
        ),
    ];
    for (name, request) in rows {
        let books = Books::default();
        let (status, _, body) = answer(edge(&books), request).await;
        assert_eq!((status, &*body), (StatusCode::FORBIDDEN, ""), "{name}");
        assert!(books.granted.take().is_empty(), "{name}");
        assert_eq!(books.refused.take(), [Carrier::Twilio], "{name}");
    }
}

#[actix_web::test]
async fn twilio_fields_that_could_be_meant_twice_are_refused() {
    for (path, body, code) in [
        ("/twilio/voice", "CallSid=CA1&CallSid=CA2", "repeated_field"),
        ("/twilio/voice", "CallSid=CA1&To=1&To=2", "repeated_field"),
        ("/twilio/voice?CallSid=CA2", "CallSid=CA1", "repeated_field"),
        ("/twilio/voice", "From=%2B12025550123", "missing_call_sid"),
    ] {
        let books = Books::default();
        let (status, _, answer) = answer(edge(&books), signed_post(path, body)).await;
        assert_eq!((status, &*answer), (StatusCode::BAD_REQUEST, code), "{path} {body}");
        assert!(books.granted.take().is_empty());
    }
}

#[actix_web::test]
async fn bodies_over_the_limit_are_refused() {
    let long = "x=".to_owned() + &"y".repeat(64 * 1024);
    let (status, ..) =
        answer(edge(&Books::default()), TestRequest::post().uri(&exotel("")).set_payload(long.clone())).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, ..) = answer(edge(&Books::default()), signed_post("/twilio/voice", &long)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[actix_web::test]
async fn carriers_that_are_not_enabled_have_no_routes() {
    let books = Books::default();
    let nothing = || Edge { exotel: None, twilio: None, ..edge(&books) };
    for path in ["/exotel/voicebot", "/exotel/media", "/exotel/listen", "/twilio/voice", "/twilio/media", "/"] {
        let (status, ..) = answer(nothing(), TestRequest::get().uri(path)).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[actix_web::test]
async fn an_open_engine_asks_for_nothing() {
    let books = Books::default();
    let (status, ..) = answer(open_edge(&books), TestRequest::get().uri("/exotel/voicebot?CallSid=b01")).await;
    assert_eq!(status, StatusCode::OK);
    let request = TestRequest::post().uri("/twilio/voice").insert_header(("content-type", FORM)).set_payload(RING);
    assert_eq!(answer(open_edge(&books), request).await.0, StatusCode::OK);
    assert_eq!(books.granted.take().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Nothing that a caller chooses reaches an answer: the host stays, the shape stays, and it is never a 5xx.
    #[test]
    fn hostile_fields_change_no_answer(from in hostile(), sid in hostile(), name in hostile(), raw in any::<Vec<u8>>()) {
        actix_web::rt::System::new().block_on(async {
            let books = Books::default();
            let fields = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("CallFrom", &from).append_pair("CallSid", &sid).append_pair(&name, &from).finish();
            let app = init_service(App::new().configure(routes::configure(open_edge(&books)))).await;
            for request in [
                TestRequest::post().uri("/exotel/voicebot").insert_header(("content-type", FORM)).set_payload(fields.clone()),
                TestRequest::post().uri("/exotel/voicebot").insert_header(("content-type", JSON)).set_payload(raw.clone()),
            ] {
                let request = request.insert_header(("host", "evil.example")).insert_header(("x-forwarded-proto", "gopher"));
                let answer = call_service(&app, request.to_request()).await;
                assert_eq!(answer.status(), StatusCode::OK);
                exotel_token(std::str::from_utf8(&read_body(answer).await).unwrap());
            }
            let request = TestRequest::post().uri("/twilio/voice").insert_header(("content-type", FORM));
            let body = fields.replace("CallFrom", "From");
            let answer = call_service(&app, request.set_payload(body).to_request()).await;
            if answer.status() == StatusCode::OK {
                let body = String::from_utf8(read_body(answer).await.to_vec()).unwrap();
                let token = body.split("value=\"").nth(1).unwrap().split('"').next().unwrap();
                assert_eq!(
                    body,
                    format!(
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect>\
                         <Stream url=\"wss://voice.example.com/twilio/media\">\
                         <Parameter name=\"session_token\" value=\"{token}\"/></Stream></Connect></Response>"
                    )
                );
            } else {
                assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            }
        });
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\"/><Dial>+1900</Dial>".to_owned()),
        Just("\",\"url\":\"wss://evil.example\",\"x\":\"".to_owned()),
        Just("\r\nLocation: https://evil.example\r\n\r\n".to_owned()),
        Just("CallSid".to_owned()),
        Just("To".to_owned()),
        any::<String>(),
    ]
}

fn signed_post(path: &str, body: &str) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header(("content-type", FORM))
        .insert_header(("x-twilio-signature", sign(&format!("https://voice.example.com{path}"), body)))
        .set_payload(body.to_owned())
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const RING: &str = "CallSid=CA1&AccountSid=AC1&From=%2B12025550123&To=%2B12025550199&Direction=inbound";

#[test]
fn the_tests_sign_as_twilio_does() {
    assert_eq!(TWILIO_TOKEN, "example-auth-token-not-real");
    assert_eq!(sign("wss://voice.example.com/twilio/media", ""), "f2vFCC1uAz605wfeSvq9iS/VWdk=");
}
