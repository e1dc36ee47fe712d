//! Contract for every store behind the ports. Each sentence runs against the stores in memory, on which flows and
//! simulations rely, and against the real adapters: on the stage, and with the feature `dynoxide` on a second emulator
//! in process. A store that passes here may stand behind any flow.
//!
//! Every test has keys of its own, so that they may run beside each other and beside a stage at work.

// A test says what it expects by failing, and so may its helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acts;
mod answers;
mod batches;
mod bodies;
mod causes;
mod chunks;
mod commits;
mod cycles;
mod edits;
mod entries;
mod jobs;
mod letter_statements;
mod letters;
mod message_ids;
#[cfg(feature = "dynoxide")]
mod oracle;
mod queues;
mod samples;
mod statements;
mod stores;
mod summaries;
mod withdrawals;

/// Runs the sentences of a file against each DynamoDB that there is.
macro_rules! stored {
    ($($sentence:ident),+ $(,)?) => {
        #[cfg(feature = "dynoxide")]
        mod in_process {
            $(#[tokio::test]
            async fn $sentence() {
                super::$sentence(&crate::oracle::serve().await).await;
            })+
        }

        mod on_the_stage {
            $(#[tokio::test]
            #[ignore = "needs the stage"]
            async fn $sentence() {
                super::$sentence(&crate::stores::Deployed::connect().await).await;
            })+
        }
    };
}
pub(crate) use stored;

/// Runs them on the stage once more, with a ledger that is named by its ARN. Dynoxide 3.2.0 refuses an ARN where DynamoDB takes one
/// for a table's name.
macro_rules! by_arn {
    ($($sentence:ident),+ $(,)?) => {
        mod on_the_stage_by_arn {
            $(#[tokio::test]
            #[ignore = "needs the stage"]
            async fn $sentence() {
                super::$sentence(&crate::stores::Deployed::connect().await.by_arn().await).await;
            })+
        }
    };
}
pub(crate) use by_arn;

/// Runs them against every store.
macro_rules! contract {
    ($($sentence:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $sentence() {
                super::$sentence(&crate::stores::Memory::default()).await;
            })+
        }

        crate::stored! { $($sentence),+ }
    };
}
pub(crate) use contract;
