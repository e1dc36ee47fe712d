//! Proxy before the broker that a test can cut, deafen, or have lose one answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use redrive_core::rabbit_endpoint::RabbitEndpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Beginning of the method `basic.publish`: class and method, as they stand on the wire.
const PUBLISH: [u8; 4] = [0, 60, 0, 40];

/// State of the connections that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Connection that passes everything.
    Open,
    /// Connection that passes nothing any more, and tells nobody.
    Silent,
    /// Connection whose answers after the next message are lost.
    LosesAnswers,
}

/// A proxy on loopback.
pub(crate) struct Proxy {
    pub(crate) endpoint: RabbitEndpoint,
    way: Arc<AtomicU8>,
    /// Raised to close what is open.
    cut: watch::Sender<u64>,
    connections: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) async fn to(broker: RabbitEndpoint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (way, connections) = (Arc::new(AtomicU8::new(Way::Open as u8)), Arc::new(AtomicU64::new(0)));
        let (cut, cuts) = watch::channel(0);
        let (state, count) = (way.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                // A new connection finds the way open, whatever became of others.
                state.store(Way::Open as u8, Ordering::SeqCst);
                let server = TcpStream::connect((broker.host.as_str(), broker.port)).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(forward(from_client, to_server, state.clone(), cuts.clone(), true));
                tokio::spawn(forward(from_server, to_client, state.clone(), cuts.clone(), false));
            }
        });
        let endpoint = RabbitEndpoint { encrypted: false, host: "127.0.0.1".to_owned(), port };
        Self { endpoint, way, cut, connections }
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.store(way as u8, Ordering::SeqCst);
    }

    /// Closes every connection that is open.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Number of connections that were made.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Arc<AtomicU8>,
    mut cuts: watch::Receiver<u64>,
    to_broker: bool,
) {
    let mut bytes = vec![0; 65_536];
    cuts.mark_unchanged();
    // Once silent, a connection stays so: a new one opens the way for itself alone.
    let mut silent = false;
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read.unwrap_or(0),
            _ = cuts.changed() => 0,
        };
        if read == 0 {
            return;
        }
        let now = way.load(Ordering::SeqCst);
        silent |= now == Way::Silent as u8;
        if to_broker && now == Way::LosesAnswers as u8 && bytes[..read].windows(4).any(|part| part == PUBLISH) {
            to.write_all(&bytes[..read]).await.unwrap();
            way.store(Way::Silent as u8, Ordering::SeqCst);
            continue;
        }
        if !silent && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
