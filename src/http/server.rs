//! Connections: so many at once, none for ever.
//!
//! Invariant: whoever sends or reads too slowly is let go of, so that a connection is never held by one who does nothing
//! with it; one too many is told so and closed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::guard::{Guard, Peer};
use super::problem::Refusal;
use crate::engine::shop::Usage;
use crate::metrics::Metrics;

/// The largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// After an error that is not of one connection (no more file handles, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves for ever.
pub async fn serve(listener: TcpListener, router: Router, guard: Arc<Guard>, metrics: Arc<Metrics>) {
    let most = guard.config().connections_max;
    let limit = Duration::from_millis(guard.config().request_timeout.0.unsigned_abs());
    let room = Arc::new(Semaphore::new(most));
    let mut refused = 0;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => {
                tokio::spawn(one(stream, peer, router.clone(), limit, permit));
            }
            Err(_) => {
                refused += 1;
                guard.refused(&Refusal::NoRoom);
                turn_away(&stream);
            }
        }
        metrics.observe_usage(
            "http_connections",
            Usage { entries: most - room.available_permits(), limit: most, evictions: refused, bytes: 0 },
        );
    }
}

/// Serves one connection to its end.
async fn one(stream: TcpStream, peer: SocketAddr, router: Router, limit: Duration, permit: OwnedSemaphorePermit) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        router.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limit).max_buf_size(HEAD_BYTES_MAX);
    // What goes wrong on one connection is the other side's affair.
    let _ = http.serve_connection(TokioIo::new(Patient { stream, limit, waiting: None }), service).await;
    drop(permit);
}

/// Says that there is no room, as far as that can be said without waiting.
fn turn_away(stream: &TcpStream) {
    let body = Refusal::NoRoom.body();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

/// A stream whose writes fail once the other side takes nothing for too long.
struct Patient {
    stream: TcpStream,
    limit: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// Passes on what a write came to, unless it has been waited for too long.
    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        ready!(self.waiting.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
