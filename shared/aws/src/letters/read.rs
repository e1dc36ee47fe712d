//! Letters whole: their heads in one call, and in another what stands apart.

use std::collections::HashMap;
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Body, Letter};
use redrive_core::ports::Unavailable;
use redrive_core::replay::Look;

use super::chunks::ChunkRefs;
use super::handle::TableHandle;
use super::item::{HEAD, HeadItem, LOOK, to_look};
use super::{SERVICE, chunks, not_ours};
use crate::batch_get::{Projection, get_all, get_parts};
use crate::item::{Item, text_of};

/// Number of reads of a letter that changes between the read of its head and that of its chunks.
const ROUNDS: usize = 3;
/// Wait before the next round: a batch of reads may meet a transaction half way.
const WAIT: Duration = Duration::from_millis(50);

type HeadItems = HashMap<LetterId, HeadItem>;

/// Reader of letters whose ids are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct LetterReader<'a> {
    pub(super) table: &'a TableHandle,
}

impl LetterReader<'_> {
    pub(super) async fn read_all(&self, ids: &[LetterId]) -> Result<Vec<Option<Letter>>, Unavailable> {
        let mut missing = ids.to_vec();
        missing.sort_unstable();
        missing.dedup();
        let mut letters: HashMap<LetterId, Letter> = HashMap::with_capacity(missing.len());
        let mut doubtful: HashMap<LetterId, u64> = HashMap::new();
        for round in 1..=ROUNDS {
            let heads = self.heads(&missing).await?;
            let (apart, whole): (Vec<_>, Vec<_>) = heads.into_iter().partition(|(_, head)| head.is_apart());
            letters.extend(whole.into_iter().map(|(id, head)| (id, head.letter)));
            missing.clear();
            let mut found = self.chunks(&apart).await?;
            for (id, head) in apart {
                let (letter, is_whole) = joined(head, &mut found);
                // Its chunks may have been deleted or replaced since its head was read: then the head is another by now.
                let seen_before = doubtful.insert(id, letter.version) == Some(letter.version);
                if is_whole || seen_before || round == ROUNDS {
                    letters.insert(id, letter);
                } else {
                    missing.push(id);
                }
            }
            if missing.is_empty() {
                break;
            }
            tokio::time::sleep(WAIT).await;
        }
        Ok(ids.iter().map(|id| letters.get(id).cloned()).collect())
    }

    pub(super) async fn look_at(&self, ids: &[LetterId]) -> Result<Vec<Option<Look>>, Unavailable> {
        let mut distinct = ids.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let keys = distinct.iter().map(|id| chunks::key(*id, HEAD)).collect();
        let reading = Projection { attributes: &LOOK, consistent: true };
        let items = get_parts(&self.table.client, (SERVICE, &self.table.name), keys, reading).await?;
        let look = |item: Item| {
            let pk = text_of(&item, "pk").unwrap_or("without a pk").to_owned();
            let look = to_look(item).map_err(|why| not_ours("give a letter of ours", &why, &pk))?;
            Ok((look.candidate.id, look))
        };
        let found = items.into_iter().map(look).collect::<Result<HashMap<_, _>, Unavailable>>()?;
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn heads(&self, ids: &[LetterId]) -> Result<HeadItems, Unavailable> {
        let keys = ids.iter().map(|id| chunks::key(*id, HEAD)).collect();
        let items = get_all(&self.table.client, (SERVICE, &self.table.name), keys).await?;
        items
            .into_iter()
            .map(|item| {
                let pk = text_of(&item, "pk").unwrap_or("without a pk").to_owned();
                let head = HeadItem::read(item).map_err(|why| not_ours("give a letter of ours", &why, &pk))?;
                Ok((head.letter.id, head))
            })
            .collect()
    }

    /// The chunks that are there, by letter and sort key.
    async fn chunks(&self, apart: &[(LetterId, HeadItem)]) -> Result<HashMap<(String, String), Item>, Unavailable> {
        let keys = apart.iter().flat_map(|(id, head)| parts(head).flat_map(|parts| parts.keys(*id))).collect();
        let items = get_all(&self.table.client, (SERVICE, &self.table.name), keys).await?;
        Ok(items.into_iter().filter_map(|item| Some((place(&item)?, item))).collect())
    }
}

fn place(item: &Item) -> Option<(String, String)> {
    Some((text_of(item, "pk")?.to_owned(), text_of(item, "sk")?.to_owned()))
}

fn parts(head: &HeadItem) -> impl Iterator<Item = &ChunkRefs> {
    head.parts.iter().chain(&head.edited)
}

/// A letter with the bodies that its chunks hold, and whether they do.
fn joined(head: HeadItem, found: &mut HashMap<(String, String), Item>) -> (Letter, bool) {
    let HeadItem { mut letter, parts, edited } = head;
    let id = letter.id;
    let mut join = |parts: &ChunkRefs| parts.join(parts.keys(id).map(|key| found.remove(&place(&key)?)).collect());
    let mut is_whole = true;
    if let Some(joined) = parts.as_ref().map(&mut join) {
        let until = letter.body.until();
        match joined {
            Ok((payload, attributes)) => {
                (letter.payload, letter.attributes, letter.body) = (payload, attributes, Body::Kept { until });
            }
            Err(why) => {
                letter.body = Body::Missing { until, why };
                is_whole = false;
            }
        }
    }
    if let (Some(joined), Some(edited)) = (edited.as_ref().map(&mut join), &mut letter.edited) {
        match joined {
            Ok((payload, _)) => (edited.payload, edited.lost) = (payload, None),
            Err(why) => {
                edited.lost = Some(why);
                is_whole = false;
            }
        }
    }
    (letter, is_whole)
}
