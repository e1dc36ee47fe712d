//! Summary of the waiting letters, beside the letters: partition key `summary#PENDING`, sort key `causes`. The indexes do not know
//! it. Its body is JSON, compressed as bodies of letters are.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use redrive_core::letters::summary::{KeptSummary, WaitingSummary};
use redrive_core::ports::{Summaries, Unavailable};
use redrive_core::time::Timestamp;
use std::time::Duration;

use super::{LetterTable, SERVICE};
use crate::failure::unavailable;
use crate::item::{Item, number, text, text_of};

const PK: &str = "summary#PENDING";
const SK: &str = "causes";
/// Form of the body. A reader of another form goes without.
const FORM: u8 = 1;
/// Limit in bytes of a compressed body, each KB of which is a write unit of every run; small causes are counted together before it
/// is passed. An item holds 400 KB.
const LIMIT: usize = 128 * 1024;
/// Limit in bytes of an unpacked body, above what is ever packed: one that claims more is damaged.
const UNPACKED: usize = 32 << 20;
/// Speed against size, as for bodies of letters.
const LEVEL: u8 = 6;
/// Time after which the table itself forgets a summary that nobody replaced.
const KEPT: Duration = Duration::from_secs(86_400);

fn key() -> Item {
    Item::from([("pk".to_owned(), text(PK)), ("sk".to_owned(), text(SK))])
}

/// Packs as many of the largest causes as fit.
fn packed(mut summary: WaitingSummary) -> Result<Vec<u8>, Unavailable> {
    loop {
        let not_written = |why: serde_json::Error| Unavailable {
            service: SERVICE,
            action: "take a summary",
            why: format!("it could not be encoded ({:?})", why.classify()),
        };
        let json = serde_json::to_vec(&summary).map_err(not_written)?;
        let body = compress_to_vec_zlib(&json, LEVEL);
        let causes = summary.causes.len();
        if body.len() <= LIMIT || causes == 0 {
            return Ok(body);
        }
        summary = summary.of_at_most(causes / 2);
    }
}

/// Reads an item. Whatever is not of this form is none: whoever looks reads the letters then.
fn unpacked(item: &Item) -> Option<KeptSummary> {
    let form = item.get("form")?.as_n().ok()?;
    if *form != FORM.to_string() {
        return None;
    }
    let before = Timestamp::from_rfc3339(text_of(item, "before")?)?;
    let body = item.get("body")?.as_b().ok()?;
    let json = decompress_to_vec_zlib_with_limit(body.as_ref(), UNPACKED).ok()?;
    Some(KeptSummary { summary: serde_json::from_slice(&json).ok()?, before })
}

impl Summaries for LetterTable {
    async fn keep_summary(&self, summary: WaitingSummary) -> Result<(), Unavailable> {
        let as_of = summary.as_of;
        let names = ["as_of", "before", "body", "expires", "form"];
        let names = names.map(|name| (format!("#{name}"), name.to_owned()));
        let values = HashMap::from([
            (":as_of".to_owned(), text(as_of.to_rfc3339())),
            (":body".to_owned(), AttributeValue::B(Blob::new(packed(summary)?))),
            (":expires".to_owned(), number(as_of.after(KEPT).as_secs())),
            (":form".to_owned(), number(FORM)),
        ]);
        let update = self.table.client.update_item().table_name(&self.table.name).set_key(Some(key()));
        let update = update
            // What stands on the right is as it was before.
            .update_expression(
                "SET #before = if_not_exists(#as_of, :as_of), #as_of = :as_of, #body = :body, #expires = :expires, \
                 #form = :form",
            )
            .condition_expression("attribute_not_exists(#as_of) OR #as_of < :as_of")
            .set_expression_attribute_names(Some(names.into()))
            .set_expression_attribute_values(Some(values));
        let Err(error) = update.send().await else { return Ok(()) };
        match error.as_service_error() {
            // A later walk was faster.
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(unavailable(SERVICE, "take a summary", &error)),
        }
    }

    async fn drop_summary(&self) -> Result<(), Unavailable> {
        let delete = self.table.client.delete_item().table_name(&self.table.name).set_key(Some(key()));
        delete.send().await.map(drop).map_err(|error| unavailable(SERVICE, "delete a summary", &error))
    }

    async fn summary(&self) -> Result<Option<KeptSummary>, Unavailable> {
        let get = self.table.client.get_item().table_name(&self.table.name).set_key(Some(key()));
        let answer = get.send().await.map_err(|error| unavailable(SERVICE, "give a summary", &error))?;
        Ok(answer.item.as_ref().and_then(unpacked))
    }
}

#[cfg(test)]
mod tests {
    use redrive_core::ids::{LetterId, MessageId, QueueArn, ReplayNumber, Scope};
    use redrive_core::letters::candidate::Candidate;
    use redrive_core::letters::letter::{ErrorType, Status};
    use redrive_core::letters::summary::CauseTally;

    use super::*;

    #[test]
    fn causes_that_do_not_fit_are_counted_together() {
        let mut tally = CauseTally::of_at_most(2_000);
        let at = Timestamp::from_millis(1_795_352_400_000);
        for n in 0_u32..2_000 {
            // Hardly compressible, as long as an index carries it.
            let noise: String =
                (0..32_u32).map(|i| format!("{:08x}", (n * 32 + i).wrapping_mul(2_654_435_761))).collect();
            let source = QueueArn::new("arn:aws:sqs:us-east-1:1:q").unwrap();
            tally.add(&Candidate {
                id: LetterId::derive(&source, &MessageId::new(format!("m-{n}")).unwrap()),
                status: Status::Pending,
                due: Timestamp::NEVER,
                error_type: ErrorType::Permanent,
                error_code: Some(format!("code-{n}")),
                error_message: noise,
                fingerprint: format!("PERMANENT/code-{n}"),
                source,
                first_failed_at: at,
                last_failed_at: at,
                deaths: 1,
                number: ReplayNumber(0),
                function_version: None,
                group: None,
                sequence: None,
                key: None,
                scope: Scope::new("s").unwrap(),
            });
        }
        let summary = tally.summary(at);
        assert_eq!((summary.causes.len(), summary.letters()), (2_000, 2_000));
        let body = packed(summary).unwrap();
        assert!(body.len() <= LIMIT, "{}", body.len());
        let item = Item::from([
            ("form".to_owned(), number(FORM)),
            ("before".to_owned(), text(at.to_rfc3339())),
            ("body".to_owned(), AttributeValue::B(Blob::new(body))),
        ]);
        let read = unpacked(&item).unwrap().summary;
        assert!((100..2_000).contains(&read.causes.len()), "{}", read.causes.len());
        assert_eq!((read.letters(), read.causes.len() as u64 + read.others.causes), (2_000, 2_000));
        let other = Item::from([("form".to_owned(), number(FORM + 1))]);
        assert_eq!(unpacked(&item.into_iter().chain(other).collect()), None, "of another version");
    }
}
