//! DynamoDB writes that a handler hands over, to be committed together with its completion.

use std::fmt;

use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};
use redrive_core::fault::Fault;

/// Writes that happen together with the message's completion, or not at all; at most 99.
///
/// ```ignore
/// Ok(Writes::one(self.orders.update(&message.order_id).add("charges", 1)))
/// ```
#[derive(Clone, Default)]
#[must_use = "writes happen only if the handler returns them"]
pub struct Writes(Vec<Write>);

impl Writes {
    /// No write: the message is completed, and that is all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Makes the writes of a single write.
    pub fn one(write: impl Into<Write>) -> Self {
        Self::none().and(write)
    }

    /// Adds a write. Two writes to one item are refused by DynamoDB: PERMANENT, `effect-invalid`.
    pub fn and(mut self, write: impl Into<Write>) -> Self {
        self.0.push(write.into());
        self
    }

    /// Returns the number of writes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there is no write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &TransactWriteItem> {
        self.0.iter().map(|write| &write.item)
    }

    /// Returns the fault for the failed condition of the write at `at`, if it names one.
    pub(crate) fn refusal(&self, at: usize) -> Option<Fault> {
        self.0.get(at).and_then(|write| write.refusal.clone())
    }
}

/// Shows the number of writes, and never their content: writes carry data.
impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writes({})", self.len())
    }
}

/// A handler without effects stands beside those that have some.
impl From<()> for Writes {
    fn from((): ()) -> Self {
        Self::none()
    }
}

impl<W: Into<Write>> FromIterator<W> for Writes {
    fn from_iter<I: IntoIterator<Item = W>>(writes: I) -> Self {
        Self(writes.into_iter().map(Into::into).collect())
    }
}

/// Write to an item of DynamoDB. Anything that becomes a `TransactWriteItem` becomes one.
///
/// If it has a condition and that fails, nothing of the transaction happens, and the message fails. Whether that is
/// worth another try only the handler knows: see [`Write::otherwise`]. Unsaid, it is PERMANENT, `effect-condition`.
#[derive(Clone)]
pub struct Write {
    item: TransactWriteItem,
    refusal: Option<Fault>,
}

impl Write {
    /// Says which fault it is if this write's condition fails: an error of the handler's own that knows its class,
    /// or a fault.
    #[must_use]
    pub fn otherwise(self, fault: impl Into<Fault>) -> Self {
        Self { refusal: Some(fault.into()), ..self }
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}

impl From<TransactWriteItem> for Write {
    fn from(item: TransactWriteItem) -> Self {
        Self { item, refusal: None }
    }
}

impl From<Put> for Write {
    fn from(put: Put) -> Self {
        TransactWriteItem::builder().put(put).build().into()
    }
}

impl From<Update> for Write {
    fn from(update: Update) -> Self {
        TransactWriteItem::builder().update(update).build().into()
    }
}

impl From<Delete> for Write {
    fn from(delete: Delete) -> Self {
        TransactWriteItem::builder().delete(delete).build().into()
    }
}

impl From<ConditionCheck> for Write {
    fn from(check: ConditionCheck) -> Self {
        TransactWriteItem::builder().condition_check(check).build().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;

    fn delete() -> Delete {
        Delete::builder().table_name("t").key("id", AttributeValue::S("secret".to_owned())).build().unwrap()
    }

    #[test]
    fn writes_keep_their_order_and_each_its_own_fault() {
        let write = Write::from(delete()).otherwise(Fault::transient("late", "not there yet"));
        let writes = Writes::one(delete()).and(write);
        assert_eq!((writes.len(), writes.refusal(0), writes.refusal(9)), (2, None, None));
        assert_eq!(writes.refusal(1).unwrap().code, "late");
    }

    #[test]
    fn their_debug_text_shows_no_data() {
        let writes: Writes = [delete(), delete()].into_iter().collect();
        assert_eq!(format!("{writes:?}"), "Writes(2)");
        assert!(!format!("{:?}", Write::from(delete())).contains("secret"));
    }
}
