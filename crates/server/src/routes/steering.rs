//! How the providers are, and a hand on their breakers; on the operators' listener.

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use operetta_workers::account::Steer;
use serde_json::{Value, json};

use crate::providers::Listed;

/// Adds two routes:
///
/// | route | method | what |
/// |---|---|---|
/// | `/providers` | GET | every provider in use, as JSON; never a key |
/// | `/providers/{name}/breaker` | POST | the body `open`, `close` or `auto` steers the breaker of that provider on all lanes |
///
/// The listener has no login. A page in an operator's browser could post to it all the same, so requests that come from pages
/// (they have an `Origin`) are refused.
pub fn configure(providers: Vec<Listed>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(providers))
            .app_data(web::PayloadConfig::new(LONGEST_ORDER))
            .route("/providers", web::get().to(list))
            .route("/providers/{name}/breaker", web::post().to(steer));
    }
}

/// Bytes of a body that says what a breaker is to do.
const LONGEST_ORDER: usize = 64;

async fn list(providers: web::Data<Vec<Listed>>) -> HttpResponse {
    HttpResponse::Ok().json(providers.iter().map(told).collect::<Vec<_>>())
}

async fn steer(
    request: HttpRequest,
    name: web::Path<String>,
    order: web::Bytes,
    providers: web::Data<Vec<Listed>>,
) -> HttpResponse {
    if request.headers().contains_key(header::ORIGIN) {
        return HttpResponse::Forbidden().body("not for pages");
    }
    let steer = match order.trim_ascii() {
        b"auto" => Steer::Auto,
        b"close" => Steer::Close,
        b"open" => Steer::Open,
        _ => return HttpResponse::BadRequest().body("expected open, close or auto"),
    };
    let meant: Vec<_> = providers.iter().filter(|provider| *provider.name == **name).collect();
    if meant.is_empty() {
        return HttpResponse::NotFound().body("no provider in use has this name");
    }
    for provider in &meant {
        provider.account.steer(steer);
        let (provider, role) = (&*provider.name, provider.role.as_str());
        tracing::warn!(provider, role, steer = word(steer), "an operator steers the circuit breaker");
    }
    HttpResponse::Ok().json(meant.into_iter().map(told).collect::<Vec<_>>())
}

const fn word(steer: Steer) -> &'static str {
    match steer {
        Steer::Auto => "auto",
        Steer::Open => "open",
        Steer::Close => "close",
    }
}

fn told(provider: &Listed) -> Value {
    let seen = provider.account.snapshot();
    let errors: serde_json::Map<_, _> = seen
        .errors
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| (class.code().to_owned(), json!(count)))
        .collect();
    json!({
        "name": &*provider.name,
        "role": provider.role.as_str(),
        "api": provider.api,
        "model": &*provider.model,
        "address": &*provider.address,
        "agents": provider.agents.iter().map(|agent| &**agent).collect::<Vec<_>>(),
        "breaker": seen.breaker.as_str(),
        "steered": word(seen.steer),
        "opened": seen.opened,
        "paused_ms": seen.paused_for.as_millis() as u64,
        "seats": seen.seats,
        "in_use": seen.in_use,
        "queued": seen.queued,
        "requests": seen.requests,
        "ok": seen.ok,
        "cancelled": seen.cancelled,
        "errors": errors,
        "rejected": {
            "breaker_open": seen.refused_breaker, "paused": seen.refused_paused, "queue": seen.refused_queue,
            "worker": seen.refused_desk,
        },
        "first_output": {
            "count": seen.first_output.count(),
            "mean_ms": (seen.first_output.sum.as_millis() as u64).checked_div(seen.first_output.count()),
        },
        "retries": seen.retries,
        "left": seen.switches_away,
        "taken_over": seen.switches_to,
        "hedges": { "started": seen.hedges_started, "won": seen.hedges_won },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::{App, http::StatusCode, test};
    use operetta_contract::Role;
    use operetta_stage::Clock;
    use operetta_workers::account::{Account, AccountConfig, BreakerState};

    use super::*;

    fn provider(name: &str) -> Listed {
        Listed {
            name: name.into(),
            role: Role::Tts,
            api: "elevenlabs",
            model: "m".into(),
            address: "https://api.elevenlabs.io".into(),
            agents: vec!["asha".into()],
            account: Account::new(name, AccountConfig::default(), Clock::system()),
            spent: Arc::default(),
        }
    }

    #[actix_web::test]
    async fn a_breaker_follows_the_hand() {
        let (first, second) = (provider("first"), provider("second"));
        let app = test::init_service(App::new().configure(configure(vec![first.clone(), second.clone()]))).await;
        for (path, order, status, state) in [
            ("/providers/first/breaker", "open\n", StatusCode::OK, BreakerState::Open),
            ("/providers/first/breaker", "closed", StatusCode::BAD_REQUEST, BreakerState::Open),
            ("/providers/third/breaker", "close", StatusCode::NOT_FOUND, BreakerState::Open),
            ("/providers/first/breaker", "close", StatusCode::OK, BreakerState::Closed),
            ("/providers/first/breaker", "auto", StatusCode::OK, BreakerState::Closed),
        ] {
            let answer =
                test::call_service(&app, test::TestRequest::post().uri(path).set_payload(order).to_request()).await;
            assert_eq!(answer.status(), status, "{path} {order}");
            assert_eq!(first.account.breaker(), state, "{path} {order}");
            assert_eq!(second.account.breaker(), BreakerState::Closed);
        }
    }

    #[actix_web::test]
    async fn a_page_in_a_browser_cannot_steer() {
        let only = provider("only");
        let app = test::init_service(App::new().configure(configure(vec![only.clone()]))).await;
        let request = test::TestRequest::post()
            .uri("/providers/only/breaker")
            .insert_header(("origin", "https://example.org"))
            .set_payload("open");
        assert_eq!(test::call_service(&app, request.to_request()).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(only.account.breaker(), BreakerState::Closed);
        let huge = test::TestRequest::post().uri("/providers/only/breaker").set_payload("x".repeat(100));
        assert!(test::call_service(&app, huge.to_request()).await.status().is_client_error());
    }

    #[actix_web::test]
    async fn the_list_tells_how_each_is() {
        let only = provider("only");
        only.account.steer(Steer::Open);
        let app = test::init_service(App::new().configure(configure(vec![only]))).await;
        let list: Value =
            test::call_and_read_body_json(&app, test::TestRequest::get().uri("/providers").to_request()).await;
        assert_eq!(list[0]["name"], "only");
        assert_eq!((&list[0]["breaker"], &list[0]["steered"]), (&json!("open"), &json!("open")));
        assert_eq!((&list[0]["requests"], &list[0]["errors"]), (&json!(0), &json!({})));
        assert_eq!(list[0]["first_output"], json!({ "count": 0, "mean_ms": null }));
    }
}
