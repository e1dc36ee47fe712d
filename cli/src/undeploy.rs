//! Deletion of a stack. What waits in it is told first; its tables of data stay.

use std::fmt::Write;
use std::time::Duration;

use redrive_core::letters::letter::Status;
use redrive_core::ports::Letters;
use redrive_core::replay::Filter;
use serde_json::{Value, json};

use crate::act::confirm;
use crate::args::Undeploy;
use crate::completion::{Completion, Error};
use crate::deployed::{DeletionState, Deployed, StackHost};
use crate::out::{self, Out};
use crate::stack_port::StackPort;
use crate::text::{count, lines, queue_name, shown};
use redrive_operator::walk::Wanted;

/// Interval between looks at a stack that is being deleted.
const LOOK: Duration = Duration::from_secs(2);
/// Number of looks before the command gives up: an hour of them.
const LOOKS: u32 = 1_800;
/// Outputs that name the tables of data, which the deletion leaves.
const KEPT: [&str; 2] = ["DeadLetterTableName", "LedgerTableName"];

/// Letters and messages that wait in a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackContents {
    stack: String,
    table: String,
    /// Numbers of letters that wait or are being sent.
    letters: [(Status, u64); 2],
    /// Numbers of messages in the stack's own queues, which are deleted with it.
    messages: Vec<(String, u64)>,
}

impl StackContents {
    /// Counts letters and messages.
    async fn gather<S: StackPort>(access: &S, stack: &str) -> Result<Self, Error> {
        let table = access.stack().need("DeadLetterTableName")?.to_owned();
        let letters = counted(&access.letters()?).await?;
        let mut messages = Vec::new();
        for url in access.stack().queue_urls() {
            messages.push((queue_name(url).to_owned(), access.queue_depths(url).await?.all()));
        }
        Ok(Self { stack: stack.to_owned(), table, letters, messages })
    }

    /// Renders what a person must know before the stack goes.
    fn render(&self, width: usize) -> String {
        let Self { stack, table, letters, messages } = self;
        let mut text = String::new();
        let mut add = |line: &str| {
            for part in lines(line, width) {
                let _ = writeln!(text, "{}", part.trim_end());
            }
        };
        for (status, n) in letters.iter().filter(|(_, n)| *n > 0) {
            add(&format!("{} {}", count(*n, "letter is", "letters are"), status.as_str()));
        }
        if letters.iter().any(|(_, n)| *n > 0) {
            add(&format!("They stay in table {table}, and nothing replays them any more. Before that:"));
            for (command, why) in [
                ("causes", "says why they wait; then `replay`, or `discard --note`"),
                ("eject", "puts them into the dead-letter queue, if that one stays"),
                ("export", "writes a copy, which `import` puts into another stack's table"),
            ] {
                add(&format!("  redrive {command} --stack {stack}"));
                add(&format!("      {why}"));
            }
        }
        for (queue, n) in messages.iter().filter(|(_, n)| *n > 0) {
            add(&format!("{} in {queue}, deleted with it", count(*n, "message is", "messages are")));
        }
        if text.is_empty() {
            text.push_str("Nothing waits in it: no letter, and no message in a queue of its own.\n");
        }
        shown_lines(&text)
    }

    fn json(&self) -> Value {
        let letters = self.letters.iter().map(|(status, n)| (status.as_str().to_owned(), json!(n)));
        let messages = self.messages.iter().map(|(queue, n)| (queue.clone(), json!(n)));
        json!({
            "stack": self.stack,
            "letters": letters.collect::<serde_json::Map<_, _>>(),
            "messages": messages.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// Each line fit for a terminal.
fn shown_lines(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| text + &shown(line) + "\n")
}

/// Counts the letters of a table that wait or are being sent.
async fn counted<L: Letters>(letters: &L) -> Result<[(Status, u64); 2], Error> {
    let mut all = [(Status::Pending, 0), (Status::Replaying, 0)];
    for (status, n) in &mut all {
        let wanted = Wanted { filter: Filter::default(), statuses: vec![*status] };
        let counts: Vec<u64> = wanted.sums(letters, |sum: &mut u64, _| *sum += 1).await?;
        *n = counts.iter().sum();
    }
    Ok(all)
}

/// Things that a deleted stack leaves behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leftovers {
    /// Tables of data, by name.
    pub(crate) tables: Vec<String>,
    /// Packages of the functions, as S3 addresses.
    pub(crate) packages: Vec<String>,
}

impl Leftovers {
    fn render(&self, stack: &str, width: usize) -> String {
        let mut text = format!("{stack} is deleted.\n");
        let tables = self.tables.join(", ");
        for line in lines(&format!("Kept, with their key if they have one of their own: {tables}"), width) {
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if !self.packages.is_empty() {
            let _ = writeln!(text, "The packages of its functions stay in their bucket:");
        }
        self.packages.iter().for_each(|package| {
            let _ = writeln!(text, "  {package}");
        });
        shown_lines(&text)
    }
}

/// Deletes a stack, and follows it to its end.
async fn delete(deployed: &impl Deployed, stack: &str, every: Duration) -> Result<(), Error> {
    deployed.delete().await?;
    for _ in 0..LOOKS {
        match deployed.state().await? {
            DeletionState::Gone => return Ok(()),
            DeletionState::Failed(why) => {
                let why = if why.is_empty() { "CloudFormation does not say why".to_owned() } else { why.join("; ") };
                return Err(Error::NotSetUp(shown(&format!("{stack} is not deleted: {why}"))));
            }
            DeletionState::Deleting => tokio::time::sleep(every).await,
        }
    }
    Err(Error::Service(format!("{stack} is still being deleted; CloudFormation's events of it say what it waits for")))
}

/// Carries out the command: tells what waits, asks, deletes, and tells what is left.
pub(crate) async fn run<S: StackPort + StackHost>(
    args: &Undeploy,
    access: &S,
    place: &str,
    out: Out,
) -> Result<Completion, Error> {
    let name = &args.name;
    let waiting = StackContents::gather(access, name).await?;
    out::say(waiting.render(out.width).trim_end());
    confirm_deletion(args.yes, name, place)?;
    let deployed = access.deployed(name).await?;
    let tables = KEPT.iter().filter_map(|output| access.stack().get(output)).map(str::to_owned).collect();
    let left = Leftovers { tables, packages: deployed.packages().await };
    delete(&deployed, name, LOOK).await?;
    let document = || {
        let mut all = waiting.json();
        all["kept"] = json!(left.tables);
        all["packages"] = json!(left.packages);
        all
    };
    out.either(document, |width| left.render(name, width))?;
    Ok(Completion::Done)
}

fn confirm_deletion(yes: bool, stack: &str, place: &str) -> Result<(), Error> {
    if !yes && !out::can_ask() {
        return Err(Error::Refused(format!("{stack} is left as it is: there is no terminal to ask at; say --yes")));
    }
    confirm(yes, &format!("Delete stack {stack} {place}?"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use redrive_testkit::ModelLetters;

    use super::*;
    use redrive_operator::samples;

    use crate::golden;

    fn waiting(letters: [u64; 2], messages: &[(&str, u64)]) -> StackContents {
        StackContents {
            stack: "orders".to_owned(),
            table: "orders-DeadLetters-1X".to_owned(),
            letters: [(Status::Pending, letters[0]), (Status::Replaying, letters[1])],
            messages: messages.iter().map(|(queue, n)| ((*queue).to_owned(), *n)).collect(),
        }
    }

    #[test]
    fn letters_are_told_with_the_table_that_keeps_them_and_every_way_out_and_messages_with_their_queue() {
        let all = waiting([3, 1], &[("orders-main", 0), ("orders-main-dlq", 7)]);
        golden::is("undeploy.txt", &all.render(80));
        golden::is("undeploy.json", &format!("{:#}\n", all.json()));
    }

    #[test]
    fn a_stack_in_which_nothing_waits_says_so_and_messages_are_told_even_if_no_letter_waits() {
        assert!(waiting([0, 0], &[("q", 0)]).render(80).starts_with("Nothing waits in it"));
        assert_eq!(waiting([0, 0], &[("q", 1), ("r", 0)]).render(80), "1 message is in q, deleted with it\n");
    }

    #[test]
    fn what_a_deleted_stack_leaves_is_named() {
        let packages = vec!["s3://bucket/orders/1a2b".to_owned()];
        let left =
            Leftovers { tables: vec!["orders-Ledger-1X".to_owned(), "orders-DeadLetters-1X".to_owned()], packages };
        golden::is("undeploy-done.txt", &left.render("orders", 80));
    }

    #[tokio::test]
    async fn letters_are_counted_by_status_through_every_shard() {
        let store = ModelLetters::new();
        let mut all: Vec<_> = samples::letters().into_iter().chain(samples::many(100)).collect();
        all.iter_mut().step_by(10).for_each(|letter| letter.status = Status::Replaying);
        let expected = [Status::Pending, Status::Replaying]
            .map(|status| (status, all.iter().filter(|letter| letter.status == status).count() as u64));
        all.into_iter().for_each(|letter| store.force(letter));
        assert!(expected.iter().all(|(_, n)| *n > 0), "{expected:?}");
        assert_eq!(counted(&store).await.unwrap(), expected);
    }

    /// Answers with the states in their order.
    struct Script(RefCell<Vec<DeletionState>>, RefCell<u32>);

    impl Deployed for Script {
        async fn delete(&self) -> Result<(), Error> {
            *self.1.borrow_mut() += 1;
            Ok(())
        }

        async fn state(&self) -> Result<DeletionState, Error> {
            Ok(self.0.borrow_mut().remove(0))
        }

        async fn packages(&self) -> Vec<String> {
            Vec::new()
        }
    }

    async fn deleted(states: &[DeletionState]) -> (Result<(), Error>, u32, usize) {
        let script = Script(RefCell::new(states.to_vec()), RefCell::new(0));
        let end = delete(&script, "orders", Duration::ZERO).await;
        (end, script.1.into_inner(), script.0.into_inner().len())
    }

    #[tokio::test]
    async fn a_deletion_is_asked_for_once_and_followed_until_the_stack_is_gone() {
        let (end, asked, unseen) =
            deleted(&[DeletionState::Deleting, DeletionState::Deleting, DeletionState::Gone]).await;
        assert!(end.is_ok() && asked == 1 && unseen == 0);
    }

    #[tokio::test]
    async fn a_deletion_that_fails_says_what_could_not_be_deleted_and_why() {
        let why = "DeadLetterQueue: denied".to_owned();
        let (end, _, unseen) =
            deleted(&[DeletionState::Deleting, DeletionState::Failed(vec![why]), DeletionState::Gone]).await;
        let error = end.unwrap_err().to_string();
        assert_eq!((error.as_str(), unseen), ("orders is not deleted: DeadLetterQueue: denied", 1));
    }

    #[test]
    fn nothing_is_deleted_without_a_yes_where_nobody_can_be_asked() {
        if !out::can_ask() {
            assert!(
                matches!(confirm_deletion(false, "orders", "here"), Err(Error::Refused(why)) if why.contains("--yes"))
            );
        }
        assert!(confirm_deletion(true, "orders", "here").is_ok());
    }
}
