//! Destinations of letters: their own queue, and others that are listed.
//!
//! Redrive's own client speaks to one region, so the others are of the source's. A group stays a group only in a FIFO queue, and what
//! comes from a standard queue has none.

use serde_json::Value;

use super::parts::of_queue;
use super::{DestinationConfig, QueueSetting, Reader, Section, fields};

/// The variable of a single pair.
const VARIABLE: &str = "REPLAY_DESTINATIONS";
/// The most other queues of a pair.
const MOST: usize = 50;
const URL: &str = "the URL of that very queue";

/// Destinations of a pair's letters.
#[derive(Debug, Clone)]
pub(super) struct Allowed {
    pub(super) back: bool,
    pub(super) others: Vec<DestinationConfig>,
}

/// The pair's own queues, as far as they could be read.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) queue: Option<&'a QueueSetting>,
    pub(super) url: Option<&'a str>,
    pub(super) dead: Option<&'a str>,
}

/// Returns true if a URL is one of the queue's: a queue has URLs of several hosts.
pub(super) fn is_at(queue: &QueueSetting, url: Option<&str>) -> bool {
    url.is_some_and(|url| of_queue(url, queue))
}

impl Own<'_> {
    /// Reads a destination by its ARN; its URL is like the own queue's, if it is not said.
    fn other(
        self,
        reader: &mut Reader<'_>,
        place: &str,
        queue: QueueSetting,
        url: Option<String>,
    ) -> Option<DestinationConfig> {
        let mut refuse = |wrong: String, allowed: &str| {
            reader.refuse(place, wrong, allowed);
            None
        };
        let own = self.queue?;
        let arn = queue.arn.as_str();
        if queue.is_fifo() && !own.is_fifo() {
            let allowed = "no FIFO queue: source_arn's is none, and its messages have no group";
            return refuse(format!("is {arn:?}"), allowed);
        }
        if queue.region() != own.region() {
            return refuse(format!("is {arn:?}"), &format!("a queue of source_arn's region, {}", own.region()));
        }
        if is_at(&queue, self.dead) {
            let allowed = "no dead-letter queue of its own: letters are ejected into that";
            return refuse(format!("is {arn:?}"), allowed);
        }
        let like_own = || Some(format!("{}{}", self.url?.strip_suffix(&own.path())?, queue.path()));
        match url.or_else(like_own) {
            Some(url) if of_queue(&url, &queue) => Some(DestinationConfig { arn: queue.arn, url }),
            Some(url) => refuse(format!("has the URL {url:?}, another queue's"), URL),
            // What is wrong with the own queue's URL is told there.
            None => None,
        }
    }

    fn is(self, queue: &QueueSetting) -> bool {
        self.queue.is_some_and(|own| own.arn == queue.arn)
    }
}

/// A pair's member: the ARNs of queues, or objects with `arn` and `url`. Unsaid, their own main queue; an empty list: nowhere.
pub(super) fn member(reader: &mut Reader<'_>, section: &mut Section, own: Own<'_>) -> Option<Allowed> {
    let Some(list) = section.take("destinations") else { return Some(Allowed { back: true, others: Vec::new() }) };
    let Value::Array(list) = list else {
        section.refuse(reader, "destinations", "is no list", "a list of queues, by source_arn or others; an empty one");
        return None;
    };
    let place = section.place("destinations");
    let (mut allowed, mut good) = (Allowed { back: false, others: Vec::new() }, list.len() <= MOST);
    if !good {
        reader.refuse(&place, format!("has {} queues", list.len()), format!("at most {MOST}"));
    }
    for (at, value) in list.into_iter().enumerate() {
        let place = format!("{place}/{at}");
        match one(reader, &place, value) {
            Some((queue, None)) if own.is(&queue) => allowed.back = true,
            Some((queue, url)) => match own.other(reader, &place, queue, url) {
                Some(other) => good &= add(reader, &place, &mut allowed.others, other),
                None => good = false,
            },
            None => good = false,
        }
    }
    good.then_some(allowed)
}

/// A queue as it is listed.
fn one(reader: &mut Reader<'_>, place: &str, value: Value) -> Option<(QueueSetting, Option<String>)> {
    if let Value::String(text) = &value {
        let queue = fields::queue_arn(text);
        return queue
            .map_err(|allowed| reader.refuse(place, format!("is {text:?}"), allowed))
            .ok()
            .map(|queue| (queue, None));
    }
    let mut section = Section::open(reader, place.to_owned(), value)?;
    let arn = section.text(reader, "arn", fields::queue_arn);
    let url = section.text(reader, "url", fields::queue_url);
    section.close(reader, "arn and url");
    Some((arn?, Some(url?)))
}

/// A single pair's variable: other queues by their ARNs, parted by commas. `None`: something is wrong with it.
pub(in crate::config) fn variable(
    reader: &mut Reader<'_>,
    queue: Option<&QueueSetting>,
    url: Option<&str>,
    dead: Option<&str>,
) -> Option<Vec<DestinationConfig>> {
    let text = reader.text(VARIABLE).unwrap_or_default();
    let own = Own { queue, url, dead };
    let (mut others, mut good) = (Vec::new(), true);
    for text in text.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let other = match fields::queue_arn(text) {
            Ok(queue) if own.is(&queue) => {
                reader.refuse(VARIABLE, "names the main queue", "other queues: letters go back to their own anyway");
                None
            }
            Ok(queue) => own.other(reader, VARIABLE, queue, None),
            Err(allowed) => {
                reader.refuse(VARIABLE, format!("has {text:?}"), format!("{allowed}; several are parted by commas"));
                None
            }
        };
        good &= other.is_some_and(|other| add(reader, VARIABLE, &mut others, other));
    }
    good.then_some(others)
}

fn add(reader: &mut Reader<'_>, place: &str, others: &mut Vec<DestinationConfig>, other: DestinationConfig) -> bool {
    let new = others.iter().all(|one| one.arn != other.arn);
    if new {
        others.push(other);
    } else {
        reader.refuse(place, format!("is {:?} once more", other.arn.as_str()), "each queue once");
    }
    new
}
