use std::collections::HashMap;

use super::{Draft, Reader};

/// Checks that two pairs do not share what they must not: each breach is reported at the second place.
///
/// With one scope the completion of one queue's message would swallow another's; with one main queue a letter would have two
/// policies. A dead-letter queue may be shared, since SQS says from which queue it moved a message; but not by a pair in custody
/// and one that is not, for what the one ejects there the indexer would take for the other's.
pub(super) fn check(reader: &mut Reader<'_>, drafts: &[Draft]) {
    let mut distinct = Distinct::default();
    for draft in drafts {
        let place = |member: &str| format!("{}/{member}", draft.place);
        if let Some(source) = &draft.source {
            distinct.once(reader, ("source", source.arn.as_str()), place("source_arn"), "another main queue");
        }
        if let Some(url) = &draft.dead_letter_url {
            let sharer =
                drafts.iter().find(|other| other.dead_letter_url.as_deref().map(queue_of) == Some(queue_of(url)));
            // The first that shares it; itself, if there is no other.
            if let Some((sharer, theirs)) = sharer.and_then(|sharer| Some((sharer, sharer.custody?)))
                && draft.custody.is_some_and(|ours| ours != theirs)
            {
                let wrong = format!("is {}, and {} shares its dead-letter queue", !theirs, sharer.place);
                reader.refuse(&place("custody"), wrong, format!("{theirs}, as there, or another dead-letter queue"));
            }
        }
        if let Some(name) = &draft.name {
            distinct.once(reader, ("name", name), place("name"), "another name");
        }
        for scope in draft.scopes() {
            let allowed = "another scope, or null for a consumer without our ledger";
            distinct.once(reader, ("scope", scope.as_str()), place("scope"), allowed);
        }
    }
    for draft in drafts {
        let Some(url) = &draft.dead_letter_url else { continue };
        let is_source = |other: &&Draft| other.source_url.as_deref().map(queue_of) == Some(queue_of(url));
        if let Some(other) = drafts.iter().find(is_source) {
            let wrong = format!("is {url:?}, the main queue of {}", other.place);
            reader.refuse(&format!("{}/dead_letter_url", draft.place), wrong, "a queue that nobody else consumes");
        }
    }
    for draft in drafts {
        for destination in draft.allowed.iter().flat_map(|allowed| &allowed.others) {
            let is_dead = |other: &&Draft| {
                other.place != draft.place
                    && other.dead_letter_url.as_deref().map(queue_of) == Some(queue_of(&destination.url))
            };
            if let Some(other) = drafts.iter().find(is_dead) {
                let wrong = format!("has {:?}, the dead-letter queue of {}", destination.arn.as_str(), other.place);
                reader.refuse(
                    &format!("{}/destinations", draft.place),
                    wrong,
                    "queues that have a consumer of their own",
                );
            }
        }
    }
}

/// Account and name: a queue has URLs of several hosts.
pub(super) fn queue_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |at| &url[host + at..])
}

/// Values that were seen, with the place of the first.
#[derive(Default)]
struct Distinct(HashMap<(&'static str, String), String>);

impl Distinct {
    fn once(&mut self, reader: &mut Reader<'_>, (what, value): (&'static str, &str), place: String, allowed: &str) {
        match self.0.get(&(what, value.to_owned())) {
            Some(first) => {
                reader.refuse(&place, format!("repeats {what} {value:?} of {first}"), allowed);
            }
            None => drop(self.0.insert((what, value.to_owned()), place)),
        }
    }
}
