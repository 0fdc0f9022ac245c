//! Who may open a socket, over real TCP.

#[cfg(test)]
mod edge_support;
#[cfg(test)]
mod leg_support;

use edge_support::{SECRET, serve, sign};
use leg_support::{PATIENCE, Peer, hear};
use operetta_server::leg::LegSettings;
use operetta_session::{FromLeg, Proof, TokenDigest};
use operetta_wire::Carrier;
use tokio::net::TcpStream;
use tokio::time::timeout;

type Row<'a> = (&'a str, Headers<'a>, Carrier, bool, Proof, Option<u32>, Option<TokenDigest>);
type Headers<'a> = &'a [(&'a str, &'a str)];

fn upgrade(target: &str, headers: Headers<'_>) -> String {
    let headers = headers.iter().fold(String::new(), |lines, (name, value)| lines + name + ": " + value + "\r\n");
    format!(
        "GET {target} HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

#[actix_web::test]
async fn those_who_prove_themselves_get_a_leg() {
    let media = sign("wss://voice.example.com/twilio/media", "");
    let port = sign("wss://voice.example.com:443/twilio/media", "");
    let listen = sign("wss://voice.example.com/twilio/listen", "");
    let token = Some(TokenDigest::of("t1"));
    let right = "Basic a2V5OnBhc3M="; // key:pass
    let rows: &[Row<'_>] = &[
        ("/twilio/media", &[("x-twilio-signature", &media)], Carrier::Twilio, true, Proof::Token, None, None),
        ("/twilio/media", &[("x-twilio-signature", &port)], Carrier::Twilio, true, Proof::Token, None, None),
        ("/twilio/listen", &[("x-twilio-signature", &listen)], Carrier::Twilio, false, Proof::Upgrade, None, None),
        ("/exotel/media", &[("authorization", right)], Carrier::Exotel, true, Proof::Upgrade, None, None),
        (
            "/exotel/media?sample-rate=16000&session=t1",
            &[("authorization", right)],
            Carrier::Exotel,
            true,
            Proof::Upgrade,
            Some(16000),
            token,
        ),
        ("/exotel/media?sample_rate=24000&session=t1", &[], Carrier::Exotel, true, Proof::Token, Some(24000), token),
        ("/exotel/media?sample-rate=44100&session=t1", &[], Carrier::Exotel, true, Proof::Token, None, token),
        ("/exotel/listen?secret=example-secret", &[], Carrier::Exotel, false, Proof::Upgrade, None, None),
    ];
    let mut served = serve(LegSettings::default());
    for (target, headers, carrier, duplex, proof, rate, token) in rows {
        let mut peer = Peer { stream: TcpStream::connect(served.addr).await.unwrap() };
        peer.write(upgrade(target, headers).as_bytes()).await;
        let head = peer.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{target}: {head}");
        let (mut leg, told) = timeout(PATIENCE, served.opened.recv()).await.unwrap().unwrap();
        assert_eq!((told.carrier, told.duplex, told.proof), (*carrier, *duplex, *proof), "{target}");
        assert_eq!((told.rate_hint_hz, told.token), (*rate, *token), "{target}");
        peer.text("hello").await;
        assert_eq!(hear(&mut leg).await, FromLeg::Text("hello".into()), "{target}");
    }
    assert!(served.refused.try_recv().is_err());
}

#[actix_web::test]
async fn all_others_get_none() {
    let media = sign("wss://voice.example.com/twilio/media", "");
    let https = sign("https://voice.example.com/twilio/media", "");
    let evil = sign("wss://evil.example/twilio/media", "");
    let secret = format!("/exotel/media?secret={SECRET}");
    let rows: &[(&str, Headers<'_>, &str)] = &[
        ("/twilio/media", &[], "403"),
        ("/twilio/media", &[("x-twilio-signature", &https)], "403"),
        ("/twilio/media", &[("x-twilio-signature", &evil)], "403"),
        ("/twilio/media?x=1", &[("x-twilio-signature", &media)], "403"),
        ("/twilio/listen", &[("x-twilio-signature", &media)], "403"),
        ("/twilio/media", &[("x-twilio-signature", &media), ("origin", "https://voice.example.com")], "403"),
        ("/exotel/media", &[], "401"),
        ("/exotel/media", &[("authorization", "Basic a2V5Ondyb25n")], "401"),
        ("/exotel/media?session=t1&secret=wrong", &[], "401"),
        ("/exotel/media?session=", &[], "401"),
        (&secret, &[("origin", "https://evil.example")], "403"),
    ];
    let mut served = serve(LegSettings::default());
    for (target, headers, status) in rows {
        let mut peer = Peer { stream: TcpStream::connect(served.addr).await.unwrap() };
        peer.write(upgrade(target, headers).as_bytes()).await;
        let head = peer.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{target} {headers:?}: {head}");
        assert!(timeout(PATIENCE, served.refused.recv()).await.unwrap().is_some());
    }
    assert!(served.opened.try_recv().is_err());
}

#[actix_web::test]
async fn a_right_proof_does_not_mend_a_bad_handshake() {
    let served = serve(LegSettings::default());
    let mut peer = Peer { stream: TcpStream::connect(served.addr).await.unwrap() };
    let target = format!("/exotel/media?secret={SECRET}");
    peer.write(upgrade(&target, &[]).replace("dGhlIHNhbXBsZSBub25jZQ==", "short").as_bytes()).await;
    let head = peer.read_head().await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
}
