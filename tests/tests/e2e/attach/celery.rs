//! A consumer of another framework: a Celery worker, as PyPI has it, on a queue that indexer and replay are attached to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use aws_sdk_sqs::types::QueueAttributeName;
use redrive_core::message::foreign::{Task, layers};
use redrive_core::replay::Candidate;

use super::*;

/// Celery with its application, and what its worker can be seen by.
struct Shop {
    attached: Attached,
    folder: PathBuf,
}

/// A worker that ends with its test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Shop {
    async fn open() -> Self {
        let folder = std::env::temp_dir().join(format!("redrive-celery-{}", Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        Self { attached: Attached::to("Tasks").await, folder }
    }

    fn python(&self) -> Command {
        let python = std::env::var("STAGE_CELERY").expect("STAGE_CELERY is a Python with Celery; run `make test`");
        let mut command = Command::new(python);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/checks"));
        command.env("TASKS_QUEUE_URL", self.attached.output("QueueUrl"));
        command.env("TASKS_ENDPOINT", self.attached.stage.output("endpoint"));
        command.env("TASKS_REGION", self.attached.stage.output("region"));
        command.env("TASKS_MENDED", self.folder.join("mended")).env("TASKS_DONE", self.folder.join("done"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        command
    }

    /// Sends a task, and says its id.
    fn send(&self, order: &str) -> String {
        let output = self.python().args(["tasks.py", "send", order]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn worker(&self) -> Worker {
        let log = fs::File::create(self.folder.join("worker.log")).unwrap();
        let mut command = self.python();
        command.args(["-m", "celery", "-A", "tasks", "worker", "--pool", "solo", "--loglevel", "INFO"]);
        Worker(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn done(&self) -> String {
        fs::read_to_string(self.folder.join("done")).unwrap_or_default()
    }

    /// The letter of a task, which its text names.
    async fn letter(&self, task: &str) -> Option<Letter> {
        let table = self.attached.stage.letters();
        let mut found = None;
        let keep = |one: Candidate| {
            if one.error_message.contains(task) {
                found = Some(one.id);
            }
        };
        table.scan_all(Listing::all(Status::Pending), Cursor::START, 1_000, keep).await.unwrap();
        table.read(&[found?]).await.unwrap().pop().flatten()
    }

    /// The count of messages in the queue, in flight or not.
    async fn left(&self) -> u64 {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let ask = self.attached.stage.sqs.get_queue_attributes().queue_url(self.attached.output("QueueUrl"));
        let answer = ask.set_attribute_names(Some(names.to_vec())).send().await.unwrap().attributes.unwrap();
        names.iter().map(|name| answer[name].parse::<u64>().unwrap()).sum()
    }
}

#[tokio::test]
#[ignore = "needs the stage"]
async fn a_celery_task_that_failed_is_a_letter_that_is_replayed_exactly_and_done_once() {
    let (shop, order) = (Shop::open().await, new_id());
    let task = shop.send(&order);
    let worker = shop.worker();
    let letter = until("the task becomes a letter", async || {
        shop.attached.stage.invoke("IndexerFunctionName", json!({"redrive": "sweep"})).await.expect("the indexer runs");
        shop.letter(&task).await
    })
    .await;
    let reason = (letter.reason.error_type, letter.reason.error_code.as_deref());
    assert_eq!(reason, (ErrorType::Unknown, Some("no-reason:shop.charge")));
    assert_eq!(Task::of(&letter.payload, &letter.attributes).and_then(|read| read.id).as_deref(), Some(task.as_str()));
    assert!(layers(&letter.payload)[1].text.contains(&order), "it is read through two layers of base64");
    assert_eq!(shop.done(), "");

    fs::write(shop.folder.join("mended"), "").unwrap();
    let report = shop.attached.ask(json!({"action": "replay", "ids": [letter.id.to_string()], "by": "e2e"})).await;
    assert_eq!((&report["sent"], &report["expired_tasks"]), (&json!(1), &json!(0)), "{report}");
    until("the worker has done it", async || (!shop.done().is_empty()).then_some(())).await;
    until("the worker has acknowledged it", async || (shop.left().await == 0).then_some(())).await;
    assert_eq!(shop.done(), format!("{order}\n"), "once");
    drop(worker);
    fs::remove_dir_all(&shop.folder).unwrap();
}
