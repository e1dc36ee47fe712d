//! Answers of a rule, and the subjects that it checks.

use crate::Mend;
use crate::deployment::{
    Alarm, Alarms, Consumer, Deployment, ExaminedPair, Fact, Function, Installation, Queue, Topic,
};

/// Breach of a rule.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) mend: Mend,
}

/// Answer of a rule: nothing, a breach, or an unknown fact.
pub(crate) type Judgement = Fact<Option<Wrong>>;

/// Returns a breach, if there is one.
pub(super) fn wrong(is_so: bool, what: impl FnOnce() -> String, mend: impl FnOnce() -> Mend) -> Judgement {
    Ok(is_so.then(|| Wrong { what: what(), mend: mend() }))
}

/// A rule's own part, by what it looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// Checks each queue, source or dead-letter.
    Queue(fn(&Queue) -> Judgement),
    /// Checks each queue pair.
    ExaminedPair(fn(&ExaminedPair) -> Judgement),
    /// Checks each source, with the alarms.
    Source(fn(&Queue, &Alarms) -> Judgement),
    /// Checks each dead-letter queue, with the alarms.
    Watched(fn(&Queue, &Alarms) -> Judgement),
    /// Checks each mapping of a source, with its pair.
    Consumer(fn(&Consumer, &ExaminedPair) -> Judgement),
    /// Checks each function that consumes, with the alarms.
    Guarded(fn(&Function, &Alarms) -> Judgement),
    /// Checks each function, ours included.
    Function(fn(&Function) -> Judgement),
    /// Checks each alarm on any of these queues and functions, with the others.
    Alarm(fn(&Alarm, &Alarms) -> Judgement),
    /// Checks each alarm on a dead-letter queue's depth.
    Depth(fn(&Alarm) -> Judgement),
    /// Checks each topic of those alarms.
    Topic(fn(&Topic) -> Judgement),
    /// Checks each pair, where indexer and replay are ours.
    Ours(fn(&ExaminedPair, &Installation) -> Judgement),
    /// Our indexer and replay, each.
    Woken(fn(&Function) -> Judgement),
    /// Our installation's failed invocations.
    Installation(fn(&Installation) -> Judgement),
    /// Our indexer, as whatever wakes it finds it.
    Rung(fn(&Installation) -> Judgement),
}

/// The alarms of the account that are about one of these queues or functions.
pub(crate) fn concerned<'a>(deployment: &'a Deployment, alarms: &'a Alarms) -> Vec<&'a Alarm> {
    let queues = deployment.pairs.iter().flat_map(|pair| [Some(&pair.source), pair.dead.as_ref()]).flatten();
    let queues: Vec<_> = queues.map(Queue::name).collect();
    let functions: Vec<_> = functions(deployment).iter().map(|function| function.name.as_str()).collect();
    let is_of = |alarm: &&Alarm| {
        alarm.metrics.iter().any(|metric| {
            queues.iter().any(|queue| metric.is_of("AWS/SQS", "QueueName", queue))
                || functions.iter().any(|function| metric.is_of("AWS/Lambda", "FunctionName", function))
        })
    };
    alarms.metric.iter().filter(is_of).collect()
}

fn consumers(deployment: &Deployment) -> impl Iterator<Item = (&ExaminedPair, &Consumer)> {
    deployment.pairs.iter().flat_map(|pair| pair.consumers.iter().flatten().map(move |consumer| (pair, consumer)))
}

fn functions(deployment: &Deployment) -> Vec<&Function> {
    let ours = deployment.installation.iter().flat_map(|ours| [&ours.indexer, &ours.replay]);
    consumers(deployment).map(|(_, consumer)| &consumer.function).chain(ours).collect()
}

impl Check {
    /// Judges one thing after the other.
    pub(crate) fn walk(self, deployment: &Deployment, tell: &mut dyn FnMut(&str, Judgement)) {
        match self {
            Self::Queue(check) => {
                for pair in &deployment.pairs {
                    [Some(&pair.source), pair.dead.as_ref()].into_iter().flatten().for_each(|queue| {
                        tell(queue.name(), check(queue));
                    });
                }
            }
            Self::ExaminedPair(check) => deployment.pairs.iter().for_each(|pair| tell(pair.source.name(), check(pair))),
            Self::Consumer(check) => {
                unread_consumers(deployment, tell);
                consumers(deployment).for_each(|(pair, consumer)| tell(&consumer.function.name, check(consumer, pair)));
            }
            Self::Function(check) => {
                unread_consumers(deployment, tell);
                functions(deployment).iter().for_each(|function| tell(&function.name, check(function)));
            }
            Self::Guarded(check) => {
                unread_consumers(deployment, tell);
                consumers(deployment).for_each(|(_, consumer)| {
                    let alarms = deployment.alarms.as_ref().map_err(Clone::clone);
                    tell(&consumer.function.name, alarms.and_then(|alarms| check(&consumer.function, alarms)));
                });
            }
            Self::Source(check) => {
                for pair in &deployment.pairs {
                    let alarms = deployment.alarms.as_ref().map_err(Clone::clone);
                    tell(pair.source.name(), alarms.and_then(|alarms| check(&pair.source, alarms)));
                }
            }
            Self::Watched(check) => {
                for pair in &deployment.pairs {
                    match (&pair.dead, &pair.source.attributes, &deployment.alarms) {
                        (Some(dead), _, Ok(alarms)) => tell(dead.name(), check(dead, alarms)),
                        (Some(dead), _, Err(why)) => tell(dead.name(), Err(why.clone())),
                        (None, Err(why), _) => tell(pair.source.name(), Err(why.clone())),
                        (None, Ok(_), _) => {}
                    }
                }
            }
            Self::Alarm(_) | Self::Depth(_) | Self::Topic(_) => self.walk_alarms(deployment, tell),
            Self::Ours(_) | Self::Woken(_) | Self::Installation(_) | Self::Rung(_) => self.walk_ours(deployment, tell),
        }
    }

    fn walk_alarms(self, deployment: &Deployment, tell: &mut dyn FnMut(&str, Judgement)) {
        let alarms = match &deployment.alarms {
            Ok(alarms) => alarms,
            Err(why) => return tell("alarms", Err(why.clone())),
        };
        match self {
            Self::Alarm(check) => {
                concerned(deployment, alarms).into_iter().for_each(|alarm| tell(&alarm.name, check(alarm, alarms)));
            }
            Self::Depth(check) => {
                let dead: Vec<_> = deployment.pairs.iter().filter_map(|pair| pair.dead.as_ref()).collect();
                let is_of = |alarm: &&Alarm| dead.iter().any(|queue| super::depth::is_depth(alarm, queue));
                alarms.metric.iter().filter(is_of).for_each(|alarm| tell(&alarm.name, check(alarm)));
            }
            Self::Topic(check) => deployment.topics.iter().for_each(|topic| tell(topic.name(), check(topic))),
            _ => {}
        }
    }

    fn walk_ours(self, deployment: &Deployment, tell: &mut dyn FnMut(&str, Judgement)) {
        let Some(ours) = &deployment.installation else { return };
        match self {
            Self::Ours(check) => deployment.pairs.iter().for_each(|pair| tell(pair.source.name(), check(pair, ours))),
            Self::Woken(check) => {
                [&ours.indexer, &ours.replay].into_iter().for_each(|one| tell(&one.name, check(one)));
            }
            Self::Installation(check) => tell("failed invocations", check(ours)),
            Self::Rung(check) => tell(&ours.indexer.name, check(ours)),
            _ => {}
        }
    }
}

fn unread_consumers(deployment: &Deployment, tell: &mut dyn FnMut(&str, Judgement)) {
    for pair in &deployment.pairs {
        if let Err(why) = &pair.consumers {
            tell(pair.source.name(), Err(why.clone()));
        }
    }
}

impl Topic {
    fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or(&self.arn)
    }
}

impl Mend {
    /// Makes a remedy of words, without a command.
    pub(super) fn words(text: impl Into<String>) -> Self {
        Self { command: Vec::new(), template: text.into() }
    }

    /// A command, and the same in a template.
    pub(super) fn command(arguments: &[&str], template: impl Into<String>) -> Self {
        Self { command: arguments.iter().map(|one| (*one).to_owned()).collect(), template: template.into() }
    }

    /// An attribute of a queue.
    pub(super) fn attribute(queue: &Queue, setting: &str, template: impl Into<String>) -> Self {
        let arguments = ["aws", "sqs", "set-queue-attributes", "--queue-url", &queue.url, "--attributes", setting];
        Self::command(&arguments, template)
    }

    /// A setting of an event source mapping.
    pub(super) fn mapping(consumer: &Consumer, setting: &[&str], template: impl Into<String>) -> Self {
        let start = ["aws", "lambda", "update-event-source-mapping", "--uuid", &consumer.mapping];
        Self::command(&[&start, setting].concat(), template)
    }
}

/// Borrows the value of a fact.
pub(super) fn look<T>(fact: &Fact<T>) -> Fact<&T> {
    fact.as_ref().map_err(Clone::clone)
}
