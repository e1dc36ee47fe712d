//! Acts of people on letters, beside the letters: partition key `acts#<hours since 1970>`, sort key their time in milliseconds and a
//! number. The indexes do not know them, and they expire.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures_util::future::try_join_all;
use redrive_core::ports::{Acts, Unavailable};
use redrive_core::replay::ActRecord;
use redrive_core::time::Timestamp;

use super::{LetterTable, SERVICE};
use crate::failure::unavailable;
use crate::item::{Item, number, text, text_of};

/// Attribute that holds the act as JSON.
const BODY: &str = "body";
/// Time after which the table forgets an act.
const KEPT: Duration = Duration::from_secs(2 * 86_400);
/// Limit of acts of one millisecond. Whatever is beyond it is not kept.
const AT_ONCE: u32 = 16;

fn pk(hour: u64) -> String {
    format!("acts#{hour}")
}

const fn hour(at: Timestamp) -> u64 {
    at.as_secs() / 3_600
}

fn sk(at: Timestamp) -> String {
    format!("{:015}", at.as_millis())
}

fn keep(why: impl ToString) -> Unavailable {
    Unavailable { service: SERVICE, action: "keep an act", why: why.to_string() }
}

impl Acts for LetterTable {
    async fn keep_act(&self, act: ActRecord) -> Result<(), Unavailable> {
        let json = serde_json::to_string(&act).map_err(|error| keep(format_args!("{:?}", error.classify())))?;
        for n in 0..AT_ONCE {
            let put = self.table.client.put_item().table_name(&self.table.name);
            let put = put
                .item("pk", text(pk(hour(act.at))))
                .item("sk", text(format_args!("{}#{n:02}", sk(act.at))))
                .item(BODY, text(&json))
                .item("expires", number(act.at.after(KEPT).as_secs()))
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", "pk")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let Err(error) = put.send().await else { return Ok(()) };
            match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    // A lost answer: the act is there.
                    if failed.item.as_ref().and_then(|item| text_of(item, BODY)) == Some(json.as_str()) {
                        return Ok(());
                    }
                }
                _ => return Err(unavailable(SERVICE, "keep an act", &error)),
            }
        }
        Err(keep("too many acts of one instant"))
    }

    async fn acts(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<ActRecord>, Unavailable> {
        let most = i32::try_from(limit).unwrap_or(i32::MAX);
        // After the last number of an instant.
        let (since, from, after) = (from, sk(from), format!("{}$", sk(to)));
        let hours = (hour(since)..=hour(to)).map(|hour| {
            let query = self.table.client.query().table_name(&self.table.name);
            let query = query
                .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
                .expression_attribute_names("#pk", "pk")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_values(":pk", text(pk(hour)))
                .expression_attribute_values(":from", text(&from))
                .expression_attribute_values(":to", text(&after));
            query.scan_index_forward(false).limit(most).send()
        });
        let answers = try_join_all(hours).await.map_err(|error| unavailable(SERVICE, "list acts", &error))?;
        let read = |item: Item| serde_json::from_str(text_of(&item, BODY)?).ok();
        let pages = answers.into_iter().rev().flat_map(|answer| answer.items.unwrap_or_default());
        // An act in a form of another version is not shown.
        Ok(pages.filter_map(read).take(limit).collect())
    }
}
