//! Outputs of the stack, which say where everything is.

use std::collections::HashMap;
use std::path::Path;

use redrive_core::ids::QueueArn;

use crate::completion::Error;

/// Name of the stack's own name among the outputs.
pub(crate) const NAME: &str = "stack";
/// Text between the stack's name and CloudFormation's own letters, in the name of a function that CloudFormation named.
const NAMED: &str = "-ReplayFunction";

/// The outputs of a stack, by their names in infra/template.yaml.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack(HashMap<String, String>);

impl Stack {
    /// Makes a stack of its outputs.
    pub(crate) const fn new(outputs: HashMap<String, String>) -> Self {
        Self(outputs)
    }

    /// Reads the outputs from a file: a JSON object of texts.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|why| Error::Usage(format!("outputs {shown}: {why}")))?;
        let outputs = serde_json::from_str(&text);
        outputs.map(Self).map_err(|_| Error::Usage(format!("outputs {shown}: not a JSON object of texts")))
    }

    /// An output, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the URLs of the stack's own queues, in the order of their outputs' names.
    pub(crate) fn queue_urls(&self) -> Vec<&str> {
        let mut named: Vec<_> = self.0.iter().filter(|(name, _)| name.ends_with("QueueUrl")).collect();
        named.sort();
        named.into_iter().map(|(_, url)| url.as_str()).filter(|url| !url.is_empty()).collect()
    }

    /// An output that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Error> {
        let missing = || Error::Usage(format!("the stack has no output {name}: is it one of redrive's?"));
        self.get(name).ok_or_else(missing)
    }

    /// Returns the name of the stack: as it was named, or as far as the name of a function tells it.
    pub(crate) fn name(&self) -> Option<&str> {
        let by_function = || Some(self.get("ReplayFunctionName")?.split_once(NAMED)?.0);
        self.get(NAME).or_else(by_function).filter(|name| !name.is_empty())
    }

    /// The queue that letters come from and go back to.
    pub(crate) fn main_queue(&self) -> Option<QueueArn> {
        self.get("MainQueueArn").and_then(QueueArn::new)
    }

    /// Refuses what is of queues of SQS alone, where the stack is of Kafka or RabbitMQ.
    ///
    /// # Errors
    /// [`Error::Usage`] with the reason, `why`.
    pub(crate) fn is_of_sqs(&self, why: &str) -> Result<(), Error> {
        match self.main_queue().filter(QueueArn::is_of_broker) {
            Some(source) => Err(Error::Usage(format!("{source} is no queue of SQS: {why}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_known_by_its_name_or_by_that_of_its_function() {
        let name = |outputs: &[(&str, &str)]| {
            let outputs = outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Stack::new(outputs.collect()).name().map(str::to_owned)
        };
        let function = ("ReplayFunctionName", "orders-eu-ReplayFunction-1ABC");
        assert_eq!(name(&[function]).as_deref(), Some("orders-eu"));
        assert_eq!(name(&[function, ("stack", "orders")]).as_deref(), Some("orders"));
        assert_eq!((name(&[("ReplayFunctionName", "own-name")]), name(&[])), (None, None));
    }
}
