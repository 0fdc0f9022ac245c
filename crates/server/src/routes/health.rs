//! Whether this node lives and whether it wants calls, for load balancers; on the operators' listener.

use actix_web::{HttpResponse, web};
use tokio::sync::watch;

/// Whether this node wants calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet: what is needed to answer is still being made.
    #[default]
    Starting,
    /// Yes.
    Ready,
    /// No more: live calls go on, new ones should go elsewhere.
    Draining,
}

impl Readiness {
    /// A stable word for answers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

/// Adds `/health`, which answers 200 for as long as the lane does, and `/ready`, which answers 200 when calls are
/// welcome and 503 otherwise, with the word for why.
pub fn configure(readiness: watch::Receiver<Readiness>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(readiness))
            .route("/health", web::get().to(health))
            .route("/ready", web::get().to(ready));
    }
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().body("ok")
}

async fn ready(readiness: web::Data<watch::Receiver<Readiness>>) -> HttpResponse {
    let readiness = *readiness.borrow();
    let mut answer = match readiness {
        Readiness::Ready => HttpResponse::Ok(),
        Readiness::Starting | Readiness::Draining => HttpResponse::ServiceUnavailable(),
    };
    answer.body(readiness.as_str())
}
