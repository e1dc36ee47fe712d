//! Selection of letters, as a request states it.

use std::collections::{BTreeMap, BTreeSet};

use super::{ActionFields, FieldResult};
use crate::ids::{LetterId, QueueArn};
use crate::replay::{Filter, LIST_LIMIT, LetterList, Selection, Shown};
use crate::time::Timestamp;

impl ActionFields<'_> {
    pub(super) fn selection(&self) -> FieldResult<Selection> {
        if let Some(shown) = self.shown()? {
            return Ok(Selection::Shown(shown));
        }
        if let Some(listed) = self.field::<LetterList>("listed")? {
            return self.listed(listed);
        }
        match (self.field::<Vec<String>>("ids")?, self.field::<Filter>("select")?) {
            (Some(ids), None) if ids.is_empty() => self.bad("\"ids\" is empty"),
            (Some(ids), None) => {
                let mut met = BTreeSet::new();
                match ids.iter().map(|id| LetterId::parse(id)).collect::<Option<Vec<_>>>() {
                    Some(ids) => Ok(Selection::Ids(ids.into_iter().filter(|id| met.insert(*id)).collect())),
                    None => self.bad("an id is not a UUID"),
                }
            }
            (None, Some(filter)) => match filter.wrong() {
                _ if filter.is_empty() => self.bad("\"select\" is empty, and so would choose every letter"),
                Some((field, must)) => self.bad(&format!("\"select\" has a {field} that is not {must}")),
                // Neither told nor looked for: whatever was sent here by mistake may hold anything.
                None if filter
                    .source_topic
                    .as_ref()
                    .is_some_and(|source| QueueArn::parse_source(source.as_str()).is_none()) =>
                {
                    self.bad("\"source_topic\" is no ARN of a queue, nor the address of a topic")
                }
                // An "until" that is still to come is judged by whoever knows the time.
                None if filter.chooses_all(Timestamp::NEVER) => {
                    self.bad("\"select\" excludes no letter, and so would choose every one")
                }
                None => Ok(Selection::Filter(filter)),
            },
            _ => self.bad("it must have one of \"ids\", \"shown\" and \"select\""),
        }
    }

    fn listed(&self, listed: LetterList) -> FieldResult<Selection> {
        if self.given.contains_key("ids") || self.given.contains_key("select") {
            return self.bad("\"listed\" is not alone");
        }
        if !(1..=LIST_LIMIT).contains(&listed.letters) {
            return self.bad(&format!("\"listed\" must have 1 to {LIST_LIMIT} letters"));
        }
        match QueueArn::parse_source(listed.source_topic.as_str()) {
            Some(_) => Ok(Selection::Listed(listed)),
            None => self.bad("\"source_topic\" is no ARN of a queue, nor the address of a topic"),
        }
    }

    fn shown(&self) -> FieldResult<Option<Shown>> {
        let named = self.flag("named")?;
        let Some(shown) = self.field::<BTreeMap<String, u64>>("shown")? else {
            return if named { self.bad("\"named\" stands with \"shown\"") } else { Ok(None) };
        };
        if shown.is_empty() || ["ids", "select", "listed"].iter().any(|other| self.given.contains_key(*other)) {
            return self.bad("\"shown\" is empty, or not alone");
        }
        let read = |(id, version): (String, u64)| Some((LetterId::parse(&id)?, version));
        match shown.into_iter().map(read).collect::<Option<_>>() {
            Some(letters) => Ok(Some(Shown { letters, named })),
            None => self.bad("an id is not a UUID"),
        }
    }
}
