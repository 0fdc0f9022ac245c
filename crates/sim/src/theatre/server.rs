use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use super::{
    api::Api,
    auth::auth,
    backstage::{Backstage, House},
    deck::Deck,
    head::RequestHead,
    http,
    ledger::RequestNote,
    line::{Gone, Line},
    play::Play,
    ws,
};

/// Listens at `address`, which may have been listened at before.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes connections while the door is open. Ends with the theatre.
pub(super) async fn run(
    first: TcpListener,
    address: SocketAddr,
    mut is_open: watch::Receiver<bool>,
    house: Arc<House>,
) {
    let mut listener = Some(first);
    let mut connections = JoinSet::new();
    loop {
        let wanted = *is_open.borrow_and_update();
        match &listener {
            Some(_) if !wanted => {
                listener = None;
                connections.abort_all();
            }
            None if wanted => listener = listen(address).ok(),
            _ => {}
        }
        tokio::select! {
            accepted = accept(listener.as_ref(), wanted) => if let Ok(socket) = accepted {
                connections.spawn(connection(socket, Arc::clone(&house)));
            },
            Some(_) = connections.join_next() => {}
            changed = is_open.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

async fn accept(listener: Option<&TcpListener>, wanted: bool) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(socket, _)| socket),
        None if wanted => {
            // Somebody else was given the port meanwhile: until it is free again.
            sleep(AGAIN).await;
            Err(io::ErrorKind::AddrInUse.into())
        }
        None => std::future::pending().await,
    }
}

/// Closes its page of the ledger whatever ends it.
struct Open {
    house: Arc<House>,
    id: usize,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.house.ledger.close(self.id, self.house.now());
    }
}

async fn connection(socket: TcpStream, house: Arc<House>) {
    let open = Open { id: house.ledger.open(house.now()), house };
    let mut line = Line::new(socket);
    loop {
        match line.head(open.house.script.idle).await {
            Ok(Some(head)) => match request(line, head, &open).await {
                Some(next) => line = next,
                None => return,
            },
            Ok(None) | Err(Gone::Closed | Gone::Idle) => return,
            Err(Gone::Garbled | Gone::TooLarge) => {
                let _ = line.write(http::garbled()).await;
                return;
            }
        }
    }
}

/// Answers one request: the line, if it lives on.
async fn request(mut line: Line, head: RequestHead, open: &Open) -> Option<Line> {
    let house = &open.house;
    let api = Api::at(&head.path, head.wants_socket());
    let mut note = RequestNote::new(&head.method, &head.path, house.now());
    note.query = head.query.iter().map(|(name, _)| name.clone()).collect();
    note.api = api;
    note.auth = api.map(|api| auth(api, &head)).unwrap_or_default();
    let drawn = api.and_then(|api| house.deck.change(|deck: &mut Deck| deck.draw(api, note.head_at)));
    note.play = drawn.as_ref().map(|(play, _)| play.clone());
    let auth = note.auth;
    let id = house.ledger.request(open.id, note);
    let (play, take) = drawn.map_or((None, 0), |(play, take)| (Some(play), take));
    match play {
        Some(Play::Refused) => {
            line.reset();
            house.ledger.note(id, |note| note.ended_at = Some(house.now()));
            return None;
        }
        Some(Play::BlackHole) => {
            line.wait_for_ever().await;
            house.ledger.note(id, |note| note.cancelled_at = Some(house.now()));
            return None;
        }
        _ => {}
    }
    let mut stage =
        Backstage { house: Arc::clone(house), api: api.unwrap_or(Api::Status), request: id, play, take, auth };
    if api.is_some_and(Api::is_socket) {
        let (socket, leftover) = line.into_parts();
        ws::serve(socket, head, leftover, stage).await;
        house.ledger.note(id, |note| note.ended_at.get_or_insert(house.now()).to_owned());
        return None;
    }
    let body = match line.body(&head).await {
        Ok(body) => body,
        Err(gone) => {
            if matches!(gone, Gone::Garbled | Gone::TooLarge) {
                let _ = line.write(http::garbled()).await;
            }
            house.ledger.note(id, |note| note.cancelled_at = Some(house.now()));
            return None;
        }
    };
    house.ledger.note(id, |note| {
        note.received_at = Some(house.now());
        note.bytes_in = body.len() as u64;
    });
    http::answer(line, &http::Request { api, head, body }, &mut stage).await
}

/// When to try a port again that is taken.
const AGAIN: Duration = Duration::from_millis(10);

/// As many as a test with hundreds of calls opens at once.
const BACKLOG: u32 = 1024;
