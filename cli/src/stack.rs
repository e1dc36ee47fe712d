//! Where everything is: the outputs of the stack.

use std::collections::HashMap;
use std::path::Path;

use redrive_core::ids::QueueArn;

use crate::ended::Error;

/// The outputs of a stack, by their names in infra/template.yaml.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack(HashMap<String, String>);

impl Stack {
    /// From an answer.
    pub(crate) const fn new(outputs: HashMap<String, String>) -> Self {
        Self(outputs)
    }

    /// From a file: a JSON object of texts.
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

    /// An output that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, Error> {
        let missing = || Error::Usage(format!("the stack has no output {name}: is it one of redrive's?"));
        self.get(name).ok_or_else(missing)
    }

    /// The queue that letters come from and go back to.
    pub(crate) fn main_queue(&self) -> Option<QueueArn> {
        self.get("MainQueueArn").and_then(QueueArn::new)
    }
}
