//! File of queue pairs that stands in the functions' package or in a layer: the command cannot look into these, so it is given the
//! same file.

use std::path::Path;

use redrive_core::settings::{QUEUE_PAIRS, QUEUE_PAIRS_FILE};
use serde_json::Value;

use crate::completion::Error;

/// Queue pairs of a file that was named on the command line, as JSON; none if none was named.
#[derive(Debug, Clone, Default)]
pub(crate) struct PairsFile(Option<String>);

impl PairsFile {
    /// Reads the file, if one is named.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or has no list of pairs.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self::default()) };
        let usage = |why: &dyn std::fmt::Display| Error::Usage(format!("pairs {}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|why| usage(&why))?;
        Self::parse(text).ok_or_else(|| usage(&"not a JSON object with a list `pairs`, as infra/pairs.example.json"))
    }

    /// Takes a text that is a JSON object with a list `pairs`.
    fn parse(text: String) -> Option<Self> {
        let document: Value = serde_json::from_str(&text).ok()?;
        document.get("pairs")?.as_array()?;
        Some(Self(Some(text)))
    }

    /// Puts the list into the variables of a function that names a file of its own. Returns false if the function does and no file was
    /// named here, so that its pairs are not known.
    pub(crate) fn fill(&self, variables: &mut impl Variables) -> bool {
        if !variables.has(QUEUE_PAIRS_FILE.name) {
            return true;
        }
        let Some(list) = &self.0 else { return false };
        variables.put(QUEUE_PAIRS.name.to_owned(), list.clone());
        true
    }
}

/// Variables of a function.
pub(crate) trait Variables {
    /// Returns true if a variable is there, and not empty.
    fn has(&self, name: &str) -> bool;
    /// Sets a variable, whatever it was.
    fn put(&mut self, name: String, value: String);
}

macro_rules! variables {
    ($map:ty) => {
        impl Variables for $map {
            fn has(&self, name: &str) -> bool {
                self.get(name).is_some_and(|value| !value.trim().is_empty())
            }

            fn put(&mut self, name: String, value: String) {
                self.insert(name, value);
            }
        }
    };
}

variables!(std::collections::HashMap<String, String>);
variables!(std::collections::BTreeMap<String, String>);

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use redrive_core::ids::QueueArn;
    use redrive_core::message::wrapping::Wrapping;
    use redrive_doctor::Indexed;
    use redrive_operator::policies::Policies;

    use super::*;
    use crate::edit::Wrappings;

    const LIST: &str = r#"{"pairs":[{"source_arn":"arn:aws:sqs:eu-west-1:1:a","scope":"main","custody":true,
        "body_wrapping":"sns","policy":{"max_deaths":7}}]}"#;

    fn given() -> PairsFile {
        PairsFile::parse(LIST.to_owned()).unwrap()
    }

    #[test]
    fn the_pairs_of_a_package_are_known_where_the_same_file_is_named() {
        let own = [("QUEUE_PAIRS_FILE".to_owned(), "/opt/pairs.json".to_owned())];
        let (mut variables, mut sorted) = (HashMap::from(own.clone()), BTreeMap::from(own));
        assert!(!PairsFile::default().fill(&mut variables) && Indexed::read(&sorted).is_none());
        assert!(given().fill(&mut variables) && given().fill(&mut sorted));
        let queue = QueueArn::new("arn:aws:sqs:eu-west-1:1:a").unwrap();
        let policy = Policies::of_environment(&variables).of(&queue).unwrap().max_deaths;
        assert_eq!((policy, Wrappings::read(&variables).unwrap().of(&queue)), (7, Wrapping::Sns));
        let indexed = Indexed::read(&sorted).unwrap();
        assert_eq!(
            indexed.iter().map(|pair| (pair.source.as_str(), pair.custody)).collect::<Vec<_>>(),
            [(queue.as_str(), true)]
        );
    }

    #[test]
    fn a_function_whose_pairs_stand_in_its_variables_keeps_them() {
        let mut variables = HashMap::from([("MAIN_QUEUE_ARN".to_owned(), "arn:aws:sqs:eu-west-1:1:b".to_owned())]);
        let before = variables.clone();
        assert!(given().fill(&mut variables));
        assert_eq!(variables, before);
    }

    #[test]
    fn a_file_without_pairs_is_refused_with_its_name() {
        for text in ["{}", "not JSON", "[]", r#"{"pairs":{}}"#] {
            assert!(PairsFile::parse(text.to_owned()).is_none(), "{text}");
        }
        // What cargo reads is there, and is no list.
        let own = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let why = PairsFile::read(Some(own)).unwrap_err().to_string();
        assert!(why.contains("pairs.example.json") && why.contains("Cargo.toml"), "{why}");
        assert!(PairsFile::read(Some(Path::new("/nowhere/pairs.json"))).is_err());
    }
}
