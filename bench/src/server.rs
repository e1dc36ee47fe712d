//! A DynamoDB in a process of its own, so that its work is not counted as the client's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::Error;

/// The server; it ends with this.
pub(crate) struct Server {
    child: Child,
    pub(crate) endpoint: String,
}

impl Server {
    /// `as_what`: the command that serves.
    pub(crate) fn start(as_what: &str) -> Result<Self, Error> {
        let mut child = Command::new(std::env::current_exe()?).arg(as_what).stdout(Stdio::piped()).spawn()?;
        let mut endpoint = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut endpoint)?;
        }
        let server = Self { child, endpoint: endpoint.trim().to_owned() };
        if server.endpoint.is_empty() {
            return Err("no server: give an --endpoint, or build with --features dynoxide".into());
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Serves until it is killed; with a queue in front of it, or alone.
#[cfg(feature = "dynoxide")]
pub(crate) fn serve(with_queue: bool) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let tables = dynoxide::server::serve_on(listener, dynoxide::Database::memory()?);
        if with_queue {
            tokio::spawn(tables);
            return crate::front::serve(address).await;
        }
        println!("http://{address}");
        tables.await;
        Ok(())
    })
}

/// Refuses to serve: the server is not compiled in.
#[cfg(not(feature = "dynoxide"))]
pub(crate) fn serve(_: bool) -> Result<(), Error> {
    Err("built without --features dynoxide".into())
}
