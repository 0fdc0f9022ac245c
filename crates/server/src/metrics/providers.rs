use std::sync::atomic::Ordering::Relaxed;

use operetta_contract::ErrorClass;
use operetta_workers::account::{AccountSnapshot, BreakerState, FIRST_OUTPUT_BOUNDS_SECONDS, Steer};

use super::{Metric, gather::Value};
use crate::providers::{Listed, Spent};

type Labels = Vec<(&'static str, String)>;

/// What is known of one provider.
pub(super) fn read(provider: &Listed, push: &mut dyn FnMut(Metric, Labels, Value)) {
    let seen = provider.account.snapshot();
    let labels = |more: Option<(&'static str, &str)>| -> Labels {
        let own = [("kind", provider.role.as_str().to_owned()), ("provider", provider.name.to_string())];
        own.into_iter().chain(more.map(|(name, value)| (name, value.to_owned()))).collect()
    };
    for (outcome, count) in outcomes(&seen) {
        push(Metric::ProviderRequests, labels(Some(("outcome", outcome))), Value::Count(count));
    }
    for (cause, count) in rejections(&seen) {
        push(Metric::ProviderRejections, labels(Some(("cause", cause))), Value::Count(count));
    }
    for (class, count) in seen.errors {
        push(Metric::ProviderErrors, labels(Some(("error_type", class.code()))), Value::Count(count));
    }
    let bounds = FIRST_OUTPUT_BOUNDS_SECONDS.iter().copied().chain([f64::INFINITY]);
    let buckets = bounds.zip(seen.first_output.counts).collect();
    let sum = seen.first_output.sum.as_secs_f64();
    push(Metric::ProviderFirstOutput, labels(None), Value::Histogram { buckets, sum });
    for (metric, count) in [
        (Metric::ProviderRetries, seen.retries),
        (Metric::ProviderFallbacks, seen.switches_away),
        (Metric::ProviderTakeovers, seen.switches_to),
        (Metric::ProviderHedges, seen.hedges_started),
        (Metric::ProviderHedgesWon, seen.hedges_won),
        (Metric::BreakerOpened, seen.opened),
    ] {
        push(metric, labels(None), Value::Count(count));
    }
    push(Metric::ProviderQueue, labels(None), Value::Level(seen.queued.into()));
    push(Metric::ProviderInUse, labels(None), Value::Level(seen.in_use.into()));
    // Whole seconds, rounded up: a pause of half a second is not none.
    let paused = seen.paused_for.as_millis().div_ceil(1000) as i64;
    push(Metric::ProviderPaused, labels(None), Value::Level(paused));
    for state in BreakerState::ALL {
        let is_it = i64::from(seen.breaker == state);
        push(Metric::BreakerState, labels(Some(("state", state.as_str()))), Value::Level(is_it));
    }
    push(Metric::BreakerSteered, labels(None), Value::Level(i64::from(seen.steer != Steer::Auto)));
    spent(&provider.spent, &mut |metric, more, value| push(metric, labels(more), value));
}

type More = Option<(&'static str, &'static str)>;

fn spent(spent: &Spent, push: &mut dyn FnMut(Metric, More, Value)) {
    for (direction, ms) in [("in", &spent.audio_out_ms), ("out", &spent.audio_in_ms)] {
        let seconds = ms.load(Relaxed) as f64 / 1000.0;
        push(Metric::ProviderAudio, Some(("direction", direction)), Value::Seconds(seconds));
    }
    push(Metric::ProviderCharacters, None, Value::Count(spent.characters.load(Relaxed)));
    for (kind, count) in [("input", &spent.tokens_in), ("cached", &spent.tokens_cached), ("output", &spent.tokens_out)]
    {
        push(Metric::ProviderTokens, Some(("token_type", kind)), Value::Count(count.load(Relaxed)));
    }
}

fn outcomes(seen: &AccountSnapshot) -> [(&'static str, u64); 4] {
    let timeouts = seen.errors_of(ErrorClass::Timeout);
    [
        ("ok", seen.ok),
        ("error", seen.failed().saturating_sub(timeouts)),
        ("timeout", timeouts),
        ("cancelled", seen.cancelled),
    ]
}

fn rejections(seen: &AccountSnapshot) -> [(&'static str, u64); 4] {
    [
        ("breaker_open", seen.refused_breaker),
        ("paused", seen.refused_paused),
        ("queue", seen.refused_queue),
        ("worker", seen.refused_desk),
    ]
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc, time::Duration};

    use operetta_contract::{ProviderError, Role};
    use operetta_stage::Clock;
    use operetta_workers::account::{Account, AccountConfig, Attempt};

    use super::*;

    fn scraped(provider: &Listed) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        read(provider, &mut |metric, labels, value| {
            let value = match value {
                Value::Count(count) => count.to_string(),
                Value::Level(level) => level.to_string(),
                Value::Seconds(seconds) => seconds.to_string(),
                Value::Info => "info".to_owned(),
                Value::Histogram { buckets, .. } => buckets.iter().map(|(_, count)| count).sum::<u64>().to_string(),
            };
            let labels: Vec<_> = labels.iter().skip(2).map(|(_, value)| value.as_str()).collect();
            seen.insert(format!("{} {}", metric.name(), labels.join(" ")).trim().to_owned(), value);
        });
        seen
    }

    #[actix_web::test]
    async fn an_account_is_told_as_it_is() {
        let account = Account::new("elevenlabs", AccountConfig::default(), Clock::system());
        let provider = Listed {
            name: "elevenlabs".into(),
            role: Role::Tts,
            api: "elevenlabs",
            model: "m".into(),
            address: "https://api.elevenlabs.io".into(),
            agents: vec!["asha".into()],
            account: account.clone(),
            spent: Arc::default(),
        };
        let fail = async |class| {
            let mut pass = account.admit(Duration::ZERO).await.unwrap();
            pass.asked(Attempt::First);
            pass.bad(&ProviderError::new(class, "why"));
        };
        fail(ErrorClass::Timeout).await;
        fail(ErrorClass::Auth).await;
        assert!(account.admit(Duration::ZERO).await.is_err(), "a wrong key opens the breaker");
        provider.spent.add(&operetta_contract::Usage { characters: 42, audio_out_ms: 1500, ..Default::default() });
        let seen = scraped(&provider);
        for (series, value) in [
            ("operetta_provider_requests timeout", "1"),
            ("operetta_provider_requests error", "1"),
            ("operetta_provider_requests ok", "0"),
            ("operetta_provider_errors auth", "1"),
            ("operetta_provider_errors empty", "0"),
            ("operetta_provider_rejections breaker_open", "1"),
            ("operetta_provider_breaker_state open", "1"),
            ("operetta_provider_breaker_state closed", "0"),
            ("operetta_provider_breaker_opened", "1"),
            ("operetta_provider_breaker_steered", "0"),
            ("operetta_provider_characters", "42"),
            ("operetta_provider_audio_seconds in", "1.5"),
        ] {
            assert_eq!(seen[series], value, "{series}");
        }
        account.steer(Steer::Close);
        let seen = scraped(&provider);
        assert_eq!(seen["operetta_provider_breaker_steered"], "1");
        assert_eq!(seen["operetta_provider_breaker_state closed"], "1");
    }
}
