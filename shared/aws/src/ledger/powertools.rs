//! Powertools' idempotency table, which is read and never written.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use redrive_core::ports::Unavailable;
use redrive_core::processing::powertools::{
    EXPIRATION, ID, IN_PROGRESS_EXPIRATION, PowertoolsKeys, PowertoolsMessage, PowertoolsState, STATUS,
};
use redrive_core::time::Timestamp;

use crate::batch_get::{Projection, get_parts};
use crate::item::{Item, text_of};

const SERVICE: &str = "Powertools' table";

/// The table of an earlier consumer, with its partition key alone.
#[derive(Debug)]
pub(super) struct PowertoolsTable {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) keys: PowertoolsKeys,
}

impl PowertoolsTable {
    /// Looks at messages, and judges their items by the time of day.
    pub(super) async fn look(
        &self,
        messages: &[PowertoolsMessage],
        now: impl Fn() -> Timestamp,
    ) -> Result<Vec<PowertoolsState>, Unavailable> {
        let ids: Vec<_> = messages.iter().map(|message| self.keys.ids(message)).collect();
        let distinct: BTreeSet<&String> = ids.iter().flatten().collect();
        let keys = distinct.into_iter().map(|id| Item::from([(ID.to_owned(), AttributeValue::S(id.clone()))]));
        let attributes = [ID, STATUS, EXPIRATION, IN_PROGRESS_EXPIRATION];
        let reading = Projection { attributes: &attributes, consistent: true };
        let items = get_parts(&self.client, (SERVICE, &self.table), keys.collect(), reading).await?;
        let now = now();
        let states: HashMap<_, _> =
            items.iter().filter_map(|item| Some((text_of(item, ID)?, state(item, now)))).collect();
        let of = |ids: &Vec<String>| ids.iter().filter_map(|id| states.get(id.as_str())).max().copied();
        Ok(ids.iter().map(|ids| of(ids).unwrap_or(PowertoolsState::Free)).collect())
    }
}

fn state(item: &Item, now: Timestamp) -> PowertoolsState {
    let number = |name| item.get(name)?.as_n().ok()?.parse::<u64>().ok();
    let status = text_of(item, STATUS).unwrap_or_default();
    PowertoolsState::of(status, number(EXPIRATION).unwrap_or(u64::MAX), number(IN_PROGRESS_EXPIRATION), now)
}
