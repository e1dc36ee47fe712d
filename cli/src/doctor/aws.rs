//! The deployment as AWS tells of it. Everything that is read is read as a fact of its own: what one service denies hides
//! nothing of the others. Nothing is changed, and no message is received.

mod alarms;
mod functions;
mod queues;
mod roles;
mod topics;

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use futures_util::future::join_all;
use redrive_doctor::{DeadSource, Deployment, Doorbell, ExaminedPair, Fact, Installation, Queue, Topic, Unread};

use alarms::AlarmReader;
use functions::FunctionReader;
use queues::QueueReader;
use roles::RoleReader;
use topics::TopicReader;

use crate::completion::Error;
use crate::pairs_file::PairsFile;
use crate::stack::Stack;

/// Error codes of services for a thing that is not there.
const ABSENT: [&str; 6] = [
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "NotFound",
    "NotFoundException",
    "ResourceNotFoundException",
    "NoSuchEntity",
];

/// Readers of the services that the doctor asks, one for each.
#[derive(Debug)]
pub(super) struct Services {
    queues: QueueReader,
    functions: FunctionReader,
    alarms: AlarmReader,
    topics: TopicReader,
    roles: RoleReader,
}

/// Returns the reason for which a call gave nothing. The call's name says which permission it needs.
fn unread<E, R>(call: &'static str, error: &SdkError<E, R>) -> Unread
where
    E: ProvideErrorMetadata,
{
    match error.as_service_error() {
        Some(error) => match error.code() {
            Some(code) if ABSENT.contains(&code) => Unread::Absent,
            Some(code) => Unread::Because(format!("{call}: {code}")),
            None => Unread::Because(format!("{call}: an error without a code")),
        },
        None if matches!(error, SdkError::ResponseError(_)) => {
            Unread::Because(format!("{call}: its answer could not be read"))
        }
        None => Unread::Because(format!("{call}: no answer; is the endpoint the right one, and up?")),
    }
}

/// A queue that must be there for anything to be said.
fn needed<T>(queue: &str, fact: Fact<T>) -> Result<T, Error> {
    fact.map_err(|why| match why {
        Unread::Absent => Error::Usage(format!("there is no queue {}", crate::text::shown(queue))),
        Unread::Because(why) => Error::Service(format!("{}: {why}", crate::text::shown(queue))),
    })
}

impl Services {
    pub(super) fn new(config: &SdkConfig, pairs: PairsFile, now: SystemTime) -> Self {
        let alarms = AlarmReader::new(config, now);
        Self {
            queues: QueueReader::new(config),
            functions: FunctionReader::new(config, pairs, alarms.clone()),
            alarms,
            topics: TopicReader::new(config),
            roles: RoleReader::new(config),
        }
    }

    /// Looks at these queues, or at all that the stack serves; at its functions, too, if there is a stack.
    pub(super) async fn look(&self, stack: Option<&Stack>, named: &[String]) -> Result<Deployment, Error> {
        let custody = match stack.and_then(|stack| stack.get("IndexerFunctionName")) {
            Some(indexer) => self.functions.indexed(indexer).await,
            None => BTreeMap::new(),
        };
        let mut sources = Vec::new();
        for queue in named {
            sources.extend(self.queues.sources_of(queue).await?);
        }
        if named.is_empty() {
            sources.extend(custody.keys().cloned());
            if let Some(arn) = stack.and_then(|stack| stack.get("MainQueueArn")).filter(|_| sources.is_empty()) {
                sources.push(arn.to_owned());
            }
        }
        if sources.is_empty() {
            return Err(Error::Usage(
                "no queue is named: use --queue URL_OR_ARN, or a stack that has queues".to_owned(),
            ));
        }
        sources.sort();
        sources.dedup();
        let pairs = sources.iter().map(|arn| self.pair(arn, &custody));
        let mut pairs = join_all(pairs).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        self.roles.ask_consumers(&mut pairs).await;
        if let Some(replay) = stack.and_then(|stack| stack.get("ReplayFunctionName"))
            && self.functions.reads_ages(replay).await
        {
            let served = pairs.iter_mut().filter(|pair| custody.contains_key(&pair.source.arn));
            served.for_each(|pair| pair.source.aged_by = Some(replay.to_owned()));
        }
        let installation = match stack {
            Some(stack) => {
                // Of queues that it does not serve nothing is asked of it.
                let served: Vec<_> = pairs.iter().filter(|pair| custody.contains_key(&pair.source.arn)).collect();
                self.installation(stack, &served).await
            }
            None => None,
        };
        let alarms = self.alarms.alarms().await;
        let mut deployment = Deployment { pairs, alarms, topics: Vec::new(), installation };
        let topics = deployment.topics_of_alarms();
        let topics = topics.into_iter().map(|(arn, alarms)| self.topic(arn, alarms.into_iter().collect()));
        deployment.topics = join_all(topics).await;
        Ok(deployment)
    }

    async fn pair(&self, arn: &str, indexed: &BTreeMap<String, bool>) -> Result<ExaminedPair, Error> {
        let custody = |arn: &str| indexed.get(arn).copied().unwrap_or(false);
        let source = self.queue(arn).await;
        if let Err(Unread::Absent) = &source.attributes {
            needed(arn, source.attributes.clone())?;
        }
        let redrive = source.attributes.as_ref().ok().and_then(|attributes| attributes.redrive.as_ref());
        let dead = match redrive {
            Some(redrive) => Some(self.queue(&redrive.target).await),
            None => None,
        };
        let dead_consumers = match &dead {
            Some(dead) => {
                self.functions.mappings(&dead.arn).await.map(|all| all.iter().map(functions::invoked).collect())
            }
            None => Ok(Vec::new()),
        };
        let dead_sources = match &dead {
            Some(dead) => self.queues.given_by(&dead.url).await,
            None => Ok(Vec::new()),
        };
        let dead_source = |arn: String| DeadSource { custody: custody(&arn), arn };
        let dead_sources = dead_sources.map(|arns| arns.into_iter().map(dead_source).collect());
        let moves = match &dead {
            Some(dead) => self.queues.move_tasks(&dead.arn).await,
            None => Ok(Vec::new()),
        };
        let consumers = self.functions.consumers(&source.arn).await;
        Ok(ExaminedPair { consumers, source, dead, moves, dead_consumers, dead_sources, custody: custody(arn) })
    }

    async fn queue(&self, arn: &str) -> Queue {
        let url = self.queues.url(arn).await;
        let attributes = match &url {
            Ok(url) => self.queues.attributes(url).await,
            Err(why) => Err(why.clone()),
        };
        let name = crate::text::queue_name(arn).to_owned();
        let oldest = self.alarms.oldest(&name).await;
        Queue { arn: arn.to_owned(), url: url.unwrap_or_default(), attributes, oldest, aged_by: None }
    }

    async fn installation(&self, stack: &Stack, pairs: &[&ExaminedPair]) -> Option<Installation> {
        let (indexer, replay) = (stack.get("IndexerFunctionName")?, stack.get("ReplayFunctionName")?);
        let mut ours = Installation {
            indexer: self.functions.woken(indexer).await,
            replay: self.functions.woken(replay).await,
            doorbell: None,
            failed_invocations: None,
        };
        self.roles.ask_ours(&mut ours, pairs).await;
        if let Some(topic) = stack.get("DoorbellTopicArn") {
            ours.doorbell = Some(Doorbell { topic: topic.to_owned(), policy: self.functions.invokers(indexer).await });
        }
        if let Some(url) = stack.get("FailedInvocationsQueueUrl") {
            let waiting = self.queues.attributes(url).await.map(|attributes| attributes.visible);
            ours.failed_invocations = Some((crate::text::queue_name(url).to_owned(), waiting));
        }
        Some(ours)
    }

    async fn topic(&self, arn: String, alarms: Vec<String>) -> Topic {
        Topic { attributes: self.topics.attributes(&arn).await, arn, alarms }
    }
}
