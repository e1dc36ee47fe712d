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
    pub(crate) fn start() -> Result<Self, Error> {
        let mut child = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
        let mut endpoint = String::new();
        if let Some(said) = child.stdout.take() {
            BufReader::new(said).read_line(&mut endpoint)?;
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

/// Serves until it is killed.
#[cfg(feature = "dynoxide")]
pub(crate) fn serve() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        dynoxide::server::serve_on(listener, dynoxide::Database::memory()?).await;
        Ok(())
    })
}

/// There is none to serve.
#[cfg(not(feature = "dynoxide"))]
pub(crate) fn serve() -> Result<(), Error> {
    Err("built without --features dynoxide".into())
}
