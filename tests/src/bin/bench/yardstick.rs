use std::{
    io::{self, Write as _},
    net::SocketAddr,
};

use actix_web::{App, HttpServer};
use operetta_sim::yardsticks;

/// Serves an echo, or a bridge to `upstream`.
pub(crate) fn serve(upstream: Option<SocketAddr>) -> anyhow::Result<()> {
    let server = HttpServer::new(move || {
        App::new().configure(|config| match upstream {
            Some(upstream) => yardsticks::bridge(format!("ws://{upstream}/"))(config),
            None => yardsticks::echo(config),
        })
    })
    .workers(1)
    .tcp_nodelay(true)
    .bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        writeln!(io::stdout(), "ready ws://{address}/")?;
    }
    actix_web::rt::System::new().block_on(server.run())?;
    Ok(())
}
