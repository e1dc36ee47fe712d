//! The queue pairs that one installation of indexer and replay serves: a JSON document, from `QUEUE_PAIRS` itself or from the
//! file that `QUEUE_PAIRS_FILE` names (Lambda's environment holds 4 KB).

pub(super) mod destinations;
mod distinct;
mod parts;

use std::fs;
use std::time::Duration;

use redrive_core::ids::{QueueArn, Scope};
use redrive_core::letters::policy::Policy;
use redrive_core::message::decode::Reading;
use redrive_core::processing::mask::Masks;
use redrive_core::settings;
use serde_json::Value;

use super::Reader;
use super::fields::{self, QueueSetting};
use super::section::Section;
use destinations::Allowed;

const INLINE: &str = settings::QUEUE_PAIRS.name;
const FILE: &str = settings::QUEUE_PAIRS_FILE.name;
/// The most pairs: an invocation looks into each of their dead-letter queues.
const MOST: usize = 200;

/// A main queue, and what is known of its messages and of their consumer.
#[derive(Debug, Clone)]
pub struct PairConfig {
    /// Name of the pair in metrics and reports.
    pub name: String,
    /// Configuration by which its messages are read.
    pub reading: Reading,
    /// True if its consumer keeps our ledger.
    pub ledger: bool,
    /// Policy of its letters: their replay and retention. Without a ledger only a person replays.
    pub policy: Policy,
    /// True if the indexer empties its dead-letter queue.
    pub custody: bool,
}

/// A pair as the indexer needs it.
#[derive(Debug, Clone)]
pub struct IndexedPair {
    /// Queue pair of the entry.
    pub pair: PairConfig,
    /// URL of the dead-letter queue.
    pub dead_letter_queue_url: String,
    /// Retention of its messages.
    pub dead_letter_retention: Duration,
    /// Values that are masked out of the reasons that messages bring with them.
    pub masks: Masks,
}

/// A pair as replay needs it.
#[derive(Debug, Clone)]
pub struct ReplayedPair {
    /// Queue pair of the entry.
    pub pair: PairConfig,
    /// URL of the main queue.
    pub main_queue_url: String,
    /// The dead-letter queue, if it is known.
    pub dead_letter_queue_url: Option<String>,
    /// True if its letters may be sent to the main queue.
    pub sends: bool,
    /// Other queues that they may be sent to, if a person says so.
    pub destinations: Vec<DestinationConfig>,
}

/// Destination that letters may be sent to, other than their own queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationConfig {
    /// ARN of the destination.
    pub arn: QueueArn,
    /// URL by which SQS answers for it.
    pub url: String,
}

impl ReplayedPair {
    /// Returns the queue to which letters are ejected: `None` while the indexer would bring them back.
    #[must_use]
    pub fn ejects_to(&self) -> Option<&str> {
        self.dead_letter_queue_url.as_deref().filter(|_| !self.pair.custody)
    }
}

/// A pair of the list, complete.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pair: PairConfig,
    main_queue_url: String,
    dead_letter_queue_url: String,
    dead_letter_retention: Duration,
    masks: Masks,
    allowed: Allowed,
}

impl IndexedPair {
    /// The dead-letter queue by account and name: it has URLs of several hosts.
    #[must_use]
    pub fn dead_letter_queue(&self) -> &str {
        distinct::queue_of(&self.dead_letter_queue_url)
    }
}

impl From<Listed> for IndexedPair {
    fn from(listed: Listed) -> Self {
        let Listed { pair, dead_letter_queue_url, dead_letter_retention, masks, .. } = listed;
        Self { pair, dead_letter_queue_url, dead_letter_retention, masks }
    }
}

impl From<Listed> for ReplayedPair {
    fn from(listed: Listed) -> Self {
        let Listed { pair, main_queue_url, dead_letter_queue_url, allowed, .. } = listed;
        let Allowed { back: sends, others: destinations } = allowed;
        Self { pair, main_queue_url, dead_letter_queue_url: Some(dead_letter_queue_url), sends, destinations }
    }
}

/// The pairs, and the ledger's table if one of them needs it: from the list, or from one pair's own variables.
pub(super) fn read<P: From<Listed>>(
    reader: &mut Reader<'_>,
    single: impl Fn(&mut Reader<'_>) -> (Option<Option<String>>, Option<P>),
) -> (Option<Vec<P>>, Option<Option<String>>) {
    let (inline, file) = (reader.text(INLINE), reader.text(FILE));
    let (variable, text) = match (inline, file) {
        (None, None) => {
            let (ledger, pair) = single(reader);
            return (pair.map(|pair| vec![pair]), ledger);
        }
        (Some(_), Some(_)) => {
            reader.refuse(FILE, format!("is set, and so is {INLINE}"), "one of them");
            return (None, None);
        }
        (Some(text), None) => (INLINE, Some(text)),
        (None, Some(path)) => (FILE, file_text(reader, &path)),
    };
    // Whatever says something of one pair has its member in the list.
    for name in settings::all().iter().filter(|one| one.member().is_some()).map(settings::Setting::name) {
        if reader.text(name).is_some() {
            reader.refuse(name, format!("is set, and so is {variable}"), "it in the list, and nowhere else");
        }
    }
    let Some(text) = text else { return (None, None) };
    let drafts = document(reader, variable, &text);
    distinct::check(reader, &drafts);
    let needed = drafts.iter().any(|draft| matches!(draft.scope, Some(Some(_))));
    let ledger = match reader.text("LEDGER_TABLE_NAME").as_deref() {
        None | Some("none") if !needed => Some(None),
        None => fields::ledger_table(reader).map(Some),
        Some("none") => {
            reader.refuse("LEDGER_TABLE_NAME", "is \"none\", and a pair has a scope", "the ledger's table");
            None
        }
        Some(_) => fields::ledger_table(reader).map(Some),
    };
    let pairs: Option<Vec<P>> = drafts.into_iter().map(|draft| draft.finish().map(Into::into)).collect();
    (pairs, ledger)
}

fn file_text(reader: &mut Reader<'_>, path: &str) -> Option<String> {
    let text = fs::read_to_string(path);
    let allowed = "a file of the function's package, or of a layer (below /opt)";
    text.map_err(|error| reader.refuse(FILE, format!("is {path:?}, which cannot be read: {error}"), allowed)).ok()
}

/// The list, as far as it can be read.
fn document(reader: &mut Reader<'_>, variable: &str, text: &str) -> Vec<Draft> {
    const SHAPE: &str = "{\"pairs\": [...]}";
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            reader.refuse(variable, format!("is no JSON: {error}"), SHAPE);
            return Vec::new();
        }
    };
    let Some(mut whole) = Section::open(reader, format!("{variable} "), value) else { return Vec::new() };
    // The place of a member is its JSON pointer, behind the variable's name.
    let place = format!("{variable} /pairs");
    let listed = whole.take("pairs");
    whole.close(reader, "pairs, and nothing beside it");
    match listed {
        Some(Value::Array(pairs)) if (1..=MOST).contains(&pairs.len()) => {
            let draft = |(at, value)| Draft::read(reader, format!("{place}/{at}"), value);
            pairs.into_iter().enumerate().map(draft).collect()
        }
        _ => {
            reader.refuse(&place, "is no list of pairs", format!("a list of 1 to {MOST} objects"));
            Vec::new()
        }
    }
}

/// A pair as far as it can be read: each part stands alone, so that everything wrong with a list is told at once.
#[derive(Debug, Default)]
struct Draft {
    place: String,
    name: Option<String>,
    source: Option<QueueSetting>,
    source_url: Option<String>,
    dead_letter_url: Option<String>,
    /// `None` inside: its consumer keeps no ledger.
    scope: Option<Option<Scope>>,
    reading: Option<Reading>,
    masks: Option<Masks>,
    retention: Option<Duration>,
    policy: Option<Policy>,
    allowed: Option<Allowed>,
    custody: Option<bool>,
}

const KNOWN: &str = "name, source_arn, source_url, dead_letter_url, scope, key_pointer, key_from, duplicate_names, body_wrapping, message_type_at, \
    message_types, payload_hash, error_masks, main_retention_days, dead_letter_retention_days, resolved_retention_days, \
    body_retention_days, policy, destinations, custody";

impl Draft {
    fn read(reader: &mut Reader<'_>, place: String, value: Value) -> Self {
        let Some(mut section) = Section::open(reader, place.clone(), value) else {
            return Self { place, ..Self::default() };
        };
        let section = &mut section;
        let source = section.text(reader, "source_arn", fields::queue_arn);
        let source_url = section.text(reader, "source_url", fields::queue_url);
        let dead_letter_url = section.text(reader, "dead_letter_url", fields::queue_url);
        parts::same_kind(reader, section, source.as_ref(), source_url.as_deref(), dead_letter_url.as_deref());
        let name = section.text_or(reader, "name", None, |text| parts::name(text).map(Some));
        let name = name.and_then(|name| name.or_else(|| Some(source.as_ref()?.name.clone())));
        let scope = parts::scope(reader, section);
        let reading = parts::reading(reader, section, source.as_ref(), scope.as_ref());
        let masks = section.texts(reader, "error_masks", parts::pointer_text).map(|masks| masks.join(","));
        let masks = masks.and_then(|masks| Masks::parse(&masks).ok());
        let retention = section.number(reader, &settings::DLQ_RETENTION_DAYS);
        let policy = parts::policy(reader, section, retention);
        let retention = retention.map(fields::days);
        let own =
            destinations::Own { queue: source.as_ref(), url: source_url.as_deref(), dead: dead_letter_url.as_deref() };
        let allowed = destinations::member(reader, section, own);
        let custody = section.yes(reader, "custody");
        section.close(reader, KNOWN);
        let policy = policy.zip(scope.as_ref()).map(|(policy, scope)| match scope {
            Some(_) => policy,
            None => policy.asking(),
        });
        Self {
            place,
            name,
            source,
            source_url,
            dead_letter_url,
            scope,
            reading,
            masks,
            retention,
            policy,
            allowed,
            custody,
        }
    }

    fn finish(self) -> Option<Listed> {
        let pair = PairConfig {
            name: self.name?,
            reading: self.reading?,
            ledger: self.scope?.is_some(),
            policy: self.policy?,
            custody: self.custody?,
        };
        Some(Listed {
            pair,
            main_queue_url: self.source_url?,
            dead_letter_queue_url: self.dead_letter_url?,
            dead_letter_retention: self.retention?,
            masks: self.masks?,
            allowed: self.allowed?,
        })
    }

    /// The scopes of the ledger that its keys are in.
    fn scopes(&self) -> Vec<&Scope> {
        match (&self.scope, &self.reading) {
            (Some(Some(_)), Some(reading)) => reading.scopes(),
            (Some(Some(scope)), None) => vec![scope],
            _ => Vec::new(),
        }
    }
}
