//! Contestants: function processes that do the same with the same events, and what they take of the machine.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::event::{EventSource, TOPIC};
use super::runtime_api::RuntimeApi;
use crate::Error;
use crate::counting::{Memory, memory_kb};

/// Kind of a contestant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Redrive,
    /// The same, where records of a topic wait for those of their own key alone.
    ByKey,
    Bare,
    TypeScript,
    Python,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] = [Self::Redrive, Self::ByKey, Self::Bare, Self::TypeScript, Self::Python];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Redrive => "Redrive",
            Self::ByKey => "Redrive, by key",
            Self::Bare => "bare SDK",
            Self::TypeScript => "Powertools TypeScript",
            Self::Python => "Powertools Python",
        }
    }

    /// Returns true if it takes events of this source.
    pub(crate) const fn takes(self, source: EventSource) -> bool {
        !matches!((self, source), (Self::TypeScript, EventSource::Kafka) | (Self::ByKey, EventSource::Sqs))
    }

    /// Name of its table, and of that table's key.
    pub(crate) const fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Redrive => ("redrive", "pk"),
            Self::ByKey => ("by-key", "pk"),
            Self::Bare => ("bare", "pk"),
            Self::TypeScript => ("typescript", "id"),
            Self::Python => ("python", "id"),
        }
    }

    /// Largest batch that it is measured with: boto3 makes one call after the other.
    pub(crate) const fn most(self) -> usize {
        match self {
            Self::Python => 100,
            _ => 10_000,
        }
    }

    /// Batches of ten before it is measured.
    pub(crate) const fn warm_up(self) -> usize {
        match self {
            Self::TypeScript => 500,
            _ => 100,
        }
    }

    fn command(self, source: EventSource, programs: &Programs) -> Result<Command, Error> {
        let beside = std::env::current_exe()?;
        let beside = beside.parent().ok_or("the bench has no folder")?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        Ok(match self {
            Self::Redrive | Self::ByKey => Command::new(beside.join(redrive(source))),
            Self::Bare => Command::new(beside.join("bare-sdk")),
            Self::TypeScript => {
                let mut node = Command::new("node");
                node.arg(&programs.bundle);
                node
            }
            Self::Python => {
                let mut python = Command::new(&programs.python);
                python.args(["-m", "awslambdaric", "function.handler"]).current_dir(folder.join("python"));
                python
            }
        })
    }
}

/// Name of Redrive's binary for events of a source.
pub(crate) const fn redrive(source: EventSource) -> &'static str {
    match source {
        EventSource::Sqs => "redrive-noop",
        EventSource::Kafka => "redrive-noop-kafka",
    }
}

/// Programs that make does before: the bundle for Node, and a Python with the libraries.
pub(crate) struct Programs {
    pub(crate) bundle: String,
    pub(crate) python: String,
}

/// Function process with its Runtime API; it ends with this.
pub(crate) struct PeerProcess {
    pub(crate) peer: Peer,
    pub(crate) api: RuntimeApi,
    /// Time from the start to the first poll.
    pub(crate) start: Duration,
    child: Child,
}

/// CPU time and memory of a process, until now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident_kb: u64,
    pub(crate) peak_kb: u64,
}

impl PeerProcess {
    pub(crate) async fn start(
        peer: Peer,
        source: EventSource,
        programs: &Programs,
        endpoint: &str,
    ) -> Result<Self, Error> {
        let api = RuntimeApi::start().await?;
        let mut command = peer.command(source, programs)?;
        for (name, value) in environment(peer, endpoint).into_iter().chain(of_source(peer, source)) {
            command.env(name, value);
        }
        command.env("AWS_LAMBDA_RUNTIME_API", api.address.to_string());
        let begun = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
        match api.first_poll().await {
            Ok(polled) => Ok(Self { peer, api, start: polled - begun, child }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(format!("{} did not start: {error}", peer.name()).into())
            }
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        let process = self.child.id().to_string();
        // Nanoseconds on a CPU, of each thread: the process's own account is in ticks of 10 ms.
        let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let on_cpu = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
        let nanos = on_cpu.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).sum();
        let [resident_kb, peak_kb] = [Memory::Resident, Memory::Peak].map(|kind| memory_kb(&process, kind));
        Usage { cpu: Duration::from_nanos(nanos), resident_kb, peak_kb }
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn environment(peer: Peer, endpoint: &str) -> Vec<(&'static str, String)> {
    let table = peer.table().0;
    let queue = format!("{endpoint}/000000000000/bench");
    let fixed = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("POWERTOOLS_SERVICE_NAME", "bench"),
        ("POWERTOOLS_LOG_LEVEL", "CRITICAL"),
        ("AWS_LAMBDA_LOG_LEVEL", "FATAL"),
        ("RUST_LOG", "error"),
        ("MAIN_QUEUE_ARN", super::event::ARN),
        ("MAX_RECEIVE_COUNT", "11"),
        ("QUEUE_VISIBILITY_TIMEOUT_SECONDS", "5400"),
        ("HANDLER_TIMEOUT_SECONDS", "30"),
        ("FUNCTION_TIMEOUT_SECONDS", "300"),
        ("CONCURRENCY", "64"),
        ("OUTAGE_BRAKE", "off"),
        ("LEDGER_SCOPE", "bench"),
        ("IDEMPOTENCY_KEY_POINTER", "/order_id"),
    ];
    let own = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("MAIN_QUEUE_URL", queue),
        ("LEDGER_TABLE_NAME", table.to_owned()),
        ("TABLE_NAME", table.to_owned()),
    ];
    fixed.into_iter().map(|(name, value)| (name, value.to_owned())).chain(own).collect()
}

fn of_source(peer: Peer, source: EventSource) -> Vec<(&'static str, String)> {
    let variables: &[(&str, &str)] = match source {
        EventSource::Sqs => &[("EVENT_SOURCE", "SQS")],
        EventSource::Kafka => &[
            ("EVENT_SOURCE", "Kafka"),
            ("KAFKA_TOPICS", TOPIC),
            ("KAFKA_CLUSTER", "bench"),
            ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9"),
            ("KAFKA_DEAD_LETTER_TOPIC", "bench.dead"),
            ("KAFKA_SECURITY", "none"),
            ("KAFKA_ANSWER", "partial"),
            ("KAFKA_ORDER", if matches!(peer, Peer::ByKey) { "key" } else { "partition" }),
        ],
    };
    variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}
