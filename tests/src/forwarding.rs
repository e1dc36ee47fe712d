//! Stores that hand what no mutant breaks to the store inside of them.

/// Implements `Causes`, `Acts` and `Summaries` of a table by its field `inner`.
#[macro_export]
macro_rules! forward_causes_and_summaries {
    ($table:ty) => {
        impl ::redrive_core::ports::Causes for $table {
            async fn erase_example(
                &self,
                source: &::redrive_core::ids::QueueArn,
                cause: &str,
                letter: ::redrive_core::ids::LetterId,
            ) -> Result<(), ::redrive_core::ports::Unavailable> {
                self.inner.erase_example(source, cause, letter).await
            }

            async fn record(
                &self,
                sightings: Vec<::redrive_core::letters::cause::Cause>,
                now: ::redrive_core::time::Timestamp,
            ) -> Vec<Result<::redrive_core::letters::cause::Recorded, ::redrive_core::ports::Unavailable>> {
                self.inner.record(sightings, now).await
            }

            async fn causes(
                &self,
                source: &::redrive_core::ids::QueueArn,
                after: Option<String>,
                limit: usize,
            ) -> Result<(Vec<::redrive_core::letters::cause::Cause>, bool), ::redrive_core::ports::Unavailable> {
                self.inner.causes(source, after, limit).await
            }
        }

        impl ::redrive_core::ports::Acts for $table {
            async fn keep_act(
                &self,
                act: ::redrive_core::replay::ActRecord,
            ) -> Result<(), ::redrive_core::ports::Unavailable> {
                self.inner.keep_act(act).await
            }

            async fn acts(
                &self,
                from: ::redrive_core::time::Timestamp,
                to: ::redrive_core::time::Timestamp,
                limit: usize,
            ) -> Result<Vec<::redrive_core::replay::ActRecord>, ::redrive_core::ports::Unavailable> {
                self.inner.acts(from, to, limit).await
            }
        }

        impl ::redrive_core::ports::Summaries for $table {
            async fn keep_summary(
                &self,
                summary: ::redrive_core::letters::summary::WaitingSummary,
            ) -> Result<(), ::redrive_core::ports::Unavailable> {
                self.inner.keep_summary(summary).await
            }

            async fn drop_summary(&self) -> Result<(), ::redrive_core::ports::Unavailable> {
                self.inner.drop_summary().await
            }

            async fn summary(
                &self,
            ) -> Result<Option<::redrive_core::letters::summary::KeptSummary>, ::redrive_core::ports::Unavailable> {
                self.inner.summary().await
            }
        }
    };
}
