//! Reads of many items, completely.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::{StreamExt, TryStreamExt, stream};
use redrive_core::ports::Unavailable;

use crate::failure::unavailable;
use crate::item::{Item, text_of};

/// DynamoDB's limit of keys a call.
const KEYS: usize = 100;
/// Number of calls that are under way at once, of many keys.
const AT_ONCE: usize = 4;
/// Limit of calls in a row that may leave everything unprocessed.
const IDLE_ROUNDS: u32 = 6;
const ACTION: &str = "read items";

/// Parts of each item to read, and their consistency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Projection<'a> {
    /// Attributes to read; all if none is named.
    pub(crate) attributes: &'a [&'a str],
    /// True to read the present state, for twice the price.
    pub(crate) consistent: bool,
}

impl Projection<'_> {
    /// Reads all attributes, as they are now.
    pub(crate) const WHOLE: Self = Self { attributes: &[], consistent: true };
}

/// Reads the items of `pks`, each once; `key` makes the whole key. Items that do not exist are not in the answer,
/// which is by partition key.
pub(crate) async fn batch_get(
    client: &Client,
    place: (&'static str, &str),
    mut pks: Vec<String>,
    key: fn(&str) -> Item,
    reading: Projection<'_>,
) -> Result<HashMap<String, Item>, Unavailable> {
    pks.sort_unstable();
    pks.dedup();
    let items = get_parts(client, place, pks.iter().map(|pk| key(pk)).collect(), reading).await?;
    Ok(items.into_iter().filter_map(|item| Some((text_of(&item, "pk")?.to_owned(), item))).collect())
}

/// Reads the items of these keys, of which no two may be the same. They come in any order, and only those that exist.
pub(crate) async fn get_all(
    client: &Client,
    place: (&'static str, &str),
    keys: Vec<Item>,
) -> Result<Vec<Item>, Unavailable> {
    get_parts(client, place, keys, Projection::WHOLE).await
}

/// The same, of each item what is asked for.
pub(crate) async fn get_parts(
    client: &Client,
    (service, table): (&'static str, &str),
    keys: Vec<Item>,
    reading: Projection<'_>,
) -> Result<Vec<Item>, Unavailable> {
    let calls: Vec<_> =
        keys.chunks(KEYS).map(|some| get_some(client, (service, table), some.to_vec(), reading)).collect();
    stream::iter(calls).buffered(AT_ONCE).try_concat().await
}

/// The same, of no more keys than a call takes.
async fn get_some(
    client: &Client,
    (service, table): (&'static str, &str),
    mut left_to_read: Vec<Item>,
    reading: Projection<'_>,
) -> Result<Vec<Item>, Unavailable> {
    let mut found = Vec::with_capacity(left_to_read.len());
    let mut idle = 0;
    while !left_to_read.is_empty() {
        let (items, left) = ask(client, (service, table), left_to_read, reading).await?;
        idle = if items.is_empty() && !left.is_empty() { idle + 1 } else { 0 };
        found.extend(items);
        if idle > IDLE_ROUNDS {
            let why = format!("{} items are unprocessed after {idle} tries", left.len());
            return Err(Unavailable { service, action: ACTION, why });
        }
        if idle > 0 {
            tokio::time::sleep(Duration::from_millis(25 << idle)).await;
        }
        left_to_read = left;
    }
    Ok(found)
}

/// Makes one call. Returns what it found, and the keys that it left for another.
async fn ask(
    client: &Client,
    (service, table): (&'static str, &str),
    keys: Vec<Item>,
    Projection { attributes, consistent }: Projection<'_>,
) -> Result<(Vec<Item>, Vec<Item>), Unavailable> {
    let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent);
    let names = attributes.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect::<HashMap<_, _>>();
    let wanted = names.keys().cloned().collect::<Vec<_>>().join(", ");
    let request = request
        .set_projection_expression(Some(wanted).filter(|wanted| !wanted.is_empty()))
        .set_expression_attribute_names(Some(names).filter(|names| !names.is_empty()))
        .build();
    let request = request.map_err(|_| Unavailable { service, action: ACTION, why: "no keys".to_owned() })?;
    let answer = client.batch_get_item().request_items(table, request).send().await;
    let mut answer = answer.map_err(|error| unavailable(service, ACTION, &error))?;
    let items = answer.responses.as_mut().and_then(|tables| tables.drain().next()).map(|(_, items)| items);
    let left = answer.unprocessed_keys.as_mut().and_then(|tables| tables.drain().next()).map(|(_, left)| left.keys);
    Ok((items.unwrap_or_default(), left.unwrap_or_default()))
}
