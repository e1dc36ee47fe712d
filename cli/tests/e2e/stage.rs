//! The command, run against a stack of the stage.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region};
use redrive_core::ids::{LetterId, MessageId, QueueArn};
use serde_json::Value;

/// Longest wait for anything on the stage.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// Interval between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// A stack on the stage, and the command.
pub(crate) struct Stage {
    path: String,
    outputs: Value,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl Stage {
    /// Reads the file that `STAGE_OUTPUTS` names.
    pub(crate) async fn connect() -> Self {
        Self::connect_to("STAGE_OUTPUTS").await
    }

    /// The same of another stack's.
    pub(crate) async fn connect_to(variable: &str) -> Self {
        let missing = |_| panic!("{variable} names a stack's outputs on the stage; run `make test`");
        let path = std::env::var(variable).unwrap_or_else(missing);
        let outputs: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(outputs["endpoint"].as_str().unwrap())
            .region(Region::new(outputs["region"].as_str().unwrap().to_owned()))
            .load()
            .await;
        Self { path, sqs: aws_sdk_sqs::Client::new(&config), outputs }
    }

    /// Returns an output of the stack.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs[name].as_str().unwrap()
    }

    /// Sends a message to the queue of this name in the outputs, and says which letter it will be.
    pub(crate) async fn send(&self, queue: &str, body: &str) -> LetterId {
        let send = self.sqs.send_message().queue_url(self.output(&format!("{queue}QueueUrl"))).message_body(body);
        let origin = send.send().await.unwrap().message_id.and_then(MessageId::new).unwrap();
        LetterId::derive(&QueueArn::new(self.output(&format!("{queue}QueueArn"))).unwrap(), &origin)
    }

    /// Runs the command, with JSON as its answer.
    pub(crate) fn redrive(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts the command, and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redrive"));
        command.env_remove("REDRIVE_STACK").env_remove("REDRIVE_OUTPUTS").env_remove("REDRIVE_BY");
        command.args(["--outputs", &self.path, "--by", "e2e", "--json"]);
        command.stdin(Stdio::null()).args(arguments);
        command
    }

    /// Returns the command's answer, once it ends with this code and the answer fits.
    pub(crate) async fn until(&self, code: i32, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let output = self.redrive(arguments);
            let said = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if output.status.code() == Some(code) && fits(&said) {
                return said;
            }
            assert!(started.elapsed() < PATIENCE, "{arguments:?}: {output:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Returns a letter as `show` tells it, once it has this status.
    pub(crate) async fn shown(&self, id: &str, status: &str) -> Value {
        self.until(0, &["show", id], |seen| seen["letter"]["status"] == status).await
    }
}
