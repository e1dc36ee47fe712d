//! `redrive console`: serves the console on loopback, over the stack's tables and with the operator's own credentials.

use std::time::SystemTime;

use redrive_aws::{LedgerTable, LetterTable};
use redrive_console::{
    AskError, Changes, Console, InstallationPort, QueueCurve, StackAlarm, StackFinding, StackPlace, StackReadings,
};
use redrive_core::ids::QueueArn;
use redrive_core::message::wrapping::Wrapping;
use redrive_core::time::Timestamp;
use redrive_doctor::Mend;
use redrive_operator::alarms::short;
use redrive_operator::policies::Policies;
use redrive_operator::readings::AlarmStatus;
use serde_json::{Value, json};

use crate::args::{Common, ConsoleArgs};
use crate::aws::StackAccess;
use crate::aws::curves;
use crate::completion::{Completion, Error};
use crate::edit::Wrappings;
use crate::out::{self, Out};
use crate::stack_port::StackPort;
use crate::{doctor, status};

/// Port that is tried first, so that an address can be sent to a colleague who has a console of their own.
const PORT: u16 = 7717;
/// Permission with which everything is changed.
const INVOKE: &str = "lambda:InvokeFunction";

/// Stack behind the console.
struct ConsoleStack {
    access: StackAccess,
    letters: LetterTable,
    ledger: Option<LedgerTable>,
    place: StackPlace,
    changes: Changes,
    wrappings: Wrappings,
    policies: Policies,
    sources: Vec<QueueArn>,
    log_group: Option<String>,
    common: Common,
}

/// Serves the console until the process is ended.
pub(crate) async fn run(
    args: &ConsoleArgs,
    common: &Common,
    access: StackAccess,
    by: String,
    out: Out,
) -> Result<Completion, Error> {
    let listener = match (args.port, redrive_console::bind(args.port.unwrap_or(PORT)).await) {
        // Another console has the usual port.
        (None, Err(_)) => redrive_console::bind(0).await?,
        (_, bound) => bound?,
    };
    let port = listener.local_addr()?.port();
    let stack = ConsoleStack::open(args, common, access, by).await?;
    let barred = match &stack.changes {
        Changes::Allowed => format!("acts are carried out, as {}", stack.place.by),
        Changes::ReadOnly => "read-only; --allow-changes lets it act".to_owned(),
        Changes::Denied(permission) => format!("read-only: {permission} is denied to you"),
    };
    let named = stack.place.stack.clone();
    let console = Console::new(stack, port);
    let url = console.start_url().unwrap_or_default();
    out::say(&format!("Console of {named} ({barred}). This address opens one session, once; Ctrl-C ends the console."));
    out.either(|| json!({"url": url}), |_| format!("{url}\n"))?;
    redrive_console::serve(console, listener).await?;
    Ok(Completion::Done)
}

impl ConsoleStack {
    async fn open(args: &ConsoleArgs, common: &Common, access: StackAccess, by: String) -> Result<Self, Error> {
        let (letters, ledger) = (access.letters()?, access.ledger());
        let arn = by.split(' ').next().filter(|arn| arn.starts_with("arn:"));
        // The caller's account, or else that of the queue.
        let account = arn.or(access.stack.get("MainQueueArn")).and_then(|arn| arn.split(':').nth(4));
        let place = StackPlace {
            stack: access.stack.name().unwrap_or("a stack without a name").to_owned(),
            account: account.unwrap_or_default().to_owned(),
            region: curves::region(&access),
            by,
        };
        let changes = match args.allow_changes {
            false => Changes::ReadOnly,
            true => may(&access).await,
        };
        let environment = access.replay_environment().await;
        let wrappings = environment.as_ref().and_then(Wrappings::read).unwrap_or_default();
        let policies = environment.as_ref().map(Policies::of_environment).unwrap_or_default();
        let sources = access.queues().await.unwrap_or_else(|| access.stack.main_queue().into_iter().collect());
        let log_group = access.stack.get("ProcessorFunctionName").map(|name| format!("/aws/lambda/{name}"));
        let common = common.clone();
        Ok(Self { access, letters, ledger, place, changes, wrappings, policies, sources, log_group, common })
    }

    /// Alarms, those that ring first, each with the step that its description names.
    async fn alarms(&self, alarms: Vec<AlarmStatus>, unread: &mut Vec<String>) -> Vec<StackAlarm> {
        let stack = self.place.stack.as_str();
        let steps = curves::alarm_steps(&self.access, stack).await.unwrap_or_else(|why| {
            unread.push(why.to_string());
            Default::default()
        });
        let alarm = |alarm: &AlarmStatus| StackAlarm {
            name: short(alarm, stack).to_owned(),
            step: steps.get(&alarm.name).cloned().unwrap_or_default(),
            state: alarm.state.clone(),
        };
        let mut all: Vec<_> = alarms.iter().map(alarm).collect();
        all.sort_by_key(|alarm| alarm.state != "ALARM");
        all
    }
}

/// Finds out whether the operator may invoke the replay function, by a question that changes nothing.
async fn may(access: &StackAccess) -> Changes {
    match access.ask(&json!({"action": "jobs"})).await.map_err(|why| refusal(&why)) {
        Err(AskError::Denied { permission, .. }) => Changes::Denied(permission),
        // Whatever else went wrong may be over when somebody acts.
        _ => Changes::Allowed,
    }
}

fn refusal(why: &Error) -> AskError {
    let text = why.to_string();
    match why {
        Error::Usage(_) | Error::NotSetUp(_) | Error::Absent(_) | Error::Refused(_) => AskError::Refused(text),
        _ if text.contains("AccessDenied") => AskError::Denied { permission: INVOKE, why: text },
        _ => AskError::Failed(text),
    }
}

/// Remedy in a line: what is to be written or done, and the command if one does it.
fn mend(mend: &Mend) -> String {
    let command = mend.command.join(" ");
    [mend.template.trim(), command.trim()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" — ")
}

impl InstallationPort for ConsoleStack {
    type Letters = LetterTable;
    type Ledger = Option<LedgerTable>;

    fn place(&self) -> &StackPlace {
        &self.place
    }

    fn changes(&self) -> Changes {
        self.changes.clone()
    }

    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn letters(&self) -> &LetterTable {
        &self.letters
    }

    fn ledger(&self) -> &Option<LedgerTable> {
        &self.ledger
    }

    async fn ask(&self, request: &Value) -> Result<Value, AskError> {
        self.access.ask(request).await.map_err(|why| refusal(&why))
    }

    async fn wake(&self) {
        // The schedule begins with the job a little later.
        let _ = self.access.wake().await;
    }

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn sources(&self) -> Vec<QueueArn> {
        self.sources.clone()
    }

    fn wrapping(&self, source: &QueueArn) -> Wrapping {
        self.wrappings.of(source)
    }

    fn log_group(&self) -> Option<&str> {
        self.log_group.as_deref()
    }

    async fn readings(&self) -> StackReadings {
        let now = self.now();
        let mut unread = Vec::new();
        let outside = status::outside(&self.access, now).await;
        let findings = doctor::diagnosis(&self.common).await.map_err(|why| unread.push(why.to_string())).ok();
        let findings = findings.map(|diagnosis| {
            diagnosis
                .findings
                .iter()
                .map(|one| StackFinding {
                    severity: one.rule.severity.as_str().to_owned(),
                    subject: one.subject.clone(),
                    what: one.what.clone(),
                    mend: mend(&one.mend),
                })
                .collect()
        });
        let mut readings = StackReadings { findings, ..StackReadings::default() };
        match outside {
            Ok(outside) => {
                for queue in &outside.queues {
                    let points = curves::depth_curve(&self.access, &queue.name, now).await.unwrap_or_default();
                    readings.curves.push(QueueCurve { name: queue.name.clone(), points });
                }
                if let Some(alarms) = outside.alarms {
                    readings.alarms = Some(self.alarms(alarms, &mut unread).await);
                }
                (readings.queues, readings.expiry) = (outside.queues, outside.expiry);
            }
            Err(why) => unread.push(why.to_string()),
        }
        StackReadings { unread, ..readings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_invocation_names_the_permission_and_a_refused_request_is_none() {
        let denied = Error::Service(
            "the replay function could not be invoked in eu-west-1: AccessDeniedException: no".to_owned(),
        );
        assert!(matches!(refusal(&denied), AskError::Denied { permission: INVOKE, .. }));
        assert!(matches!(refusal(&Error::Usage("x".to_owned())), AskError::Refused(_)));
        assert!(matches!(refusal(&Error::Service("x".to_owned())), AskError::Failed(_)));
    }
}
