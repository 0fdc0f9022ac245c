//! The client library of the engine, plain, against the fakes: what it makes of their answers and of their connections.
#![cfg(feature = "theatre")]
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod raw;

use std::time::Duration;

use actix_rt::System;
use awc::{Client, ClientResponse, error::SendRequestError};
use operetta_sim::theatre::{Api, Play, Theatre};
use raw::{Ask, by_http, right, theatre};

/// A client as providers are asked: nothing decoded behind our back, no redirect followed.
fn client() -> Client {
    // Nothing here is encrypted; the library wants to know how it would be.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().disable_redirects().timeout(Duration::from_secs(5)).finish()
}

async fn send(client: &Client, theatre: &Theatre, ask: &Ask) -> Result<(u16, Vec<u8>), String> {
    let (method, path) = ask.target.split_once(' ').unwrap();
    let url = format!("{}{path}", theatre.base_url());
    let mut request = client.request(method.parse().unwrap(), url).no_decompress();
    for line in ask.headers.lines() {
        request = request.insert_header(line.split_once(": ").unwrap());
    }
    let sent: Result<ClientResponse<_>, SendRequestError> = request.send_body(ask.body.clone()).await;
    let mut reply = sent.map_err(|error| error.to_string())?;
    let body = reply.body().limit(64 << 20).await.map_err(|error| error.to_string())?;
    Ok((reply.status().as_u16(), body.to_vec()))
}

#[test]
fn it_reads_the_same_as_a_client_that_sees_everything_over_one_connection() {
    System::new().block_on(async {
        let (here, there) = (theatre(""), theatre(""));
        let client = client();
        for api in by_http() {
            let (status, body) = send(&client, &here, &right(api)).await.unwrap();
            let raw = raw::ask(&there, &right(api)).await;
            assert_eq!((status, body.len()), (200, raw.body.len()), "{api}");
        }
        assert_eq!(here.ledger().connections().len(), 1);
        let reused = here.ledger().requests().iter().filter(|note| note.reused).count();
        assert_eq!(reused, by_http().count() - 1);
    });
}

#[test]
fn it_notices_what_breaks() {
    System::new().block_on(async {
        for (rule, words) in [("H07", "reset"), ("H09:100", "reset")] {
            let theatre = theatre(rule);
            let error = send(&client(), &theatre, &right(Api::OpenAiChat)).await.unwrap_err();
            assert!(error.to_lowercase().contains(words), "{rule}: {error}");
        }
        // But a body that broke off it takes for a whole one, at version 3.11.0: whoever uses it must look himself.
        let cut = send(&client(), &theatre("H10:100"), &right(Api::OpenAiChat)).await;
        assert_eq!(cut.map(|(status, body)| (status, body.len())), Ok((200, 100)));
        let theatre = theatre("");
        let url = format!("{}/v1/models", theatre.base_url_refusing());
        let error = client().get(url).send().await.unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    });
}

#[test]
fn a_connection_that_dies_on_reuse_is_replaced_at_the_next_request() {
    System::new().block_on(async {
        let (theatre, client) = (theatre(""), client());
        theatre.next(Api::OpenAiChat, 1, Play::DiesOnReuse);
        let ask = right(Api::OpenAiChat);
        assert_eq!(send(&client, &theatre, &ask).await.map(|reply| reply.0), Ok(200));
        // The library does not ask again by itself: that is the worker's part.
        assert!(send(&client, &theatre, &ask).await.is_err());
        assert_eq!(send(&client, &theatre, &ask).await.map(|reply| reply.0), Ok(200));
        assert_eq!(theatre.ledger().connections().len(), 2);
    });
}

#[test]
fn a_reply_that_is_dropped_is_seen_to_be_cancelled() {
    System::new().block_on(async {
        let theatre = raw::theatre_at(operetta_sim::theatre::Pace::default(), "H03:2");
        let ask = right(Api::DeepgramSpeak);
        let url = format!("{}{}", theatre.base_url(), ask.target.trim_start_matches("POST "));
        let request = client().post(url).insert_header(("authorization", "Token k"));
        let reply = request.content_type("application/json").send_body(ask.body).await.unwrap();
        drop(reply);
        theatre.ledger().until(|book| book.requests().any(|note| note.cancelled_at.is_some())).await;
    });
}
