//! Way to a broker: address, login, and the one connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::ConfirmSelectOptions;
use lapin::protocol::AMQPErrorKind;
use lapin::tcp::{AMQPUriTcpExt, TLSConfig};
use lapin::uri::{AMQPAuthority, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Error, ErrorKind};
use redrive_core::login::Login;
use redrive_core::rabbit_endpoint::RabbitEndpoint;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::info;

/// Time for one connection with its encryption and login, at the most. An invocation cannot wait for longer.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for an answer that costs the broker nothing. Who does not give one by then is gone.
const LIFE_SIGN: Duration = Duration::from_secs(2);
/// AMQP's limit of a short string, in bytes.
pub(crate) const SHORT_STRING: usize = 255;

/// Broker with one virtual host, as it is reached. Clones share its connection.
#[derive(Clone)]
pub struct Broker {
    uri: Arc<AMQPUri>,
    kept: Arc<Mutex<Option<Connection>>>,
}

impl Broker {
    /// Broker at this address, with this virtual host and login. Connects to nothing yet: most invocations have nothing to publish.
    #[must_use]
    pub fn new(endpoint: &RabbitEndpoint, virtual_host: &str, Login { user, password }: &Login) -> Self {
        let uri = AMQPUri {
            scheme: if endpoint.encrypted { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username: user.clone(), password: password.clone() },
                host: endpoint.host.clone(),
                port: endpoint.port,
            },
            vhost: virtual_host.to_owned(),
            query: Default::default(),
        };
        Self { uri: Arc::new(uri), kept: Arc::default() }
    }

    /// Opens a channel with confirms, on the kept connection if it gives a sign of life.
    ///
    /// An environment is frozen between invocations, and sends no heartbeats: so its broker closes the connection, and it may not learn
    /// of that. The channel itself is the question, so nothing is ever published on a connection that has ended before.
    pub(crate) async fn channel(&self) -> Result<OpenChannel, String> {
        let mut kept = self.kept.lock().await;
        // Taken: whoever is cancelled here leaves no connection of which nothing is known.
        if let Some(connection) = kept.take() {
            if let Ok(channel) = within(LIFE_SIGN, open(&connection)).await {
                *kept = Some(connection);
                return Ok(channel);
            }
            info!("connection to the broker has ended; a new one is made");
        }
        let connection = within(CONNECT, self.connect()).await?;
        let channel = within(LIFE_SIGN, open(&connection)).await?;
        *kept = Some(connection);
        Ok(channel)
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let uri = AMQPUri::clone(&self.uri);
        if uri.vhost.len() > SHORT_STRING {
            return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput).into());
        }
        // The client itself waits for as long as the system does, on a thread of its own.
        let connect = async |uri: AMQPUri, runtime| {
            let connected = AMQPUriTcpExt::connect_with_config_async(&uri, TLSConfig::default(), &runtime);
            let in_time = timeout(CONNECT, connected).await.map_err(std::io::Error::from)?;
            in_time.map_err(Error::from)
        };
        let properties = ConnectionProperties::default().with_connection_name("redrive".into());
        Connection::connector(uri, lapin::runtime::default_runtime()?, connect, properties).await
    }
}

/// Channel with confirms, and the limit of its frames.
pub(crate) struct OpenChannel {
    pub(crate) channel: Channel,
    /// Longest frame of the connection in bytes.
    pub(crate) frame_max: usize,
}

async fn open(connection: &Connection) -> Result<OpenChannel, Error> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    // None, if the broker sets no limit.
    let negotiated = usize::try_from(connection.configuration().frame_max()).ok().filter(|bytes| *bytes > 0);
    Ok(OpenChannel { channel, frame_max: negotiated.unwrap_or(usize::MAX) })
}

/// Answer of the client within a time, or a short name of what went wrong.
async fn within<T>(time: Duration, answer: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match timeout(time, answer).await {
        Ok(answer) => answer.map_err(|error| code(&error)),
        Err(_) => Err(NO_ANSWER.to_owned()),
    }
}

/// Name of an answer that did not come in time.
pub(crate) const NO_ANSWER: &str = "NoAnswer";

/// A short name of an error, without anything of a message: a broker's text may quote a property.
pub(crate) fn code(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(refusal) => match refusal.kind() {
            AMQPErrorKind::Soft(kind) => format!("{} {kind:?}", refusal.get_id()),
            AMQPErrorKind::Hard(kind) => format!("{} {kind:?}", refusal.get_id()),
        },
        ErrorKind::IOError(error) => format!("Network, {:?}", error.kind()),
        ErrorKind::InvalidChannelState(..) | ErrorKind::InvalidConnectionState(_) => "ConnectionEnded".to_owned(),
        ErrorKind::MissingHeartbeatError => "MissingHeartbeat".to_owned(),
        _ => "Other".to_owned(),
    }
}
