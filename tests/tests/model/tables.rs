//! Things that are kept once and named by a small number, so that a state stays small; and answers that are kept,
//! because the decisions are pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

/// Names a thing in its table; [`NOTHING`] is no thing.
pub(crate) type Ref = u16;

pub(crate) const NOTHING: Ref = 0;

/// Table in which each thing stands once.
pub(crate) struct Table<T>(RwLock<Things<T>>);

struct Things<T> {
    names: HashMap<Arc<T>, Ref>,
    in_order: Vec<Arc<T>>,
}

impl<T: Eq + Hash> Table<T> {
    pub(crate) fn new() -> Self {
        Self(RwLock::new(Things { names: HashMap::new(), in_order: Vec::new() }))
    }

    pub(crate) fn name(&self, thing: T) -> Ref {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = inner.names.get(&thing) {
            return *known;
        }
        let name = Ref::try_from(inner.in_order.len() + 1).expect("fewer than 65,536 things of a kind");
        let thing = Arc::new(thing);
        inner.names.insert(Arc::clone(&thing), name);
        inner.in_order.push(thing);
        name
    }

    pub(crate) fn get(&self, name: Ref) -> Option<Arc<T>> {
        let index = usize::from(name).checked_sub(1)?;
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).in_order[index]))
    }

    pub(crate) fn thing(&self, name: Ref) -> Arc<T> {
        self.get(name).expect("a name that was given out")
    }
}

/// Answers of a pure function.
pub(crate) struct Memo<K, V>(RwLock<HashMap<K, V>>);

impl<K: Eq + Hash, V: Copy> Memo<K, V> {
    pub(crate) fn new() -> Self {
        Self(RwLock::new(HashMap::new()))
    }

    pub(crate) fn answer(&self, question: K, ask: impl FnOnce(&K) -> V) -> V {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&question) {
            return *known;
        }
        let answer = ask(&question);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(question, answer);
        answer
    }

    /// Returns the number of different questions that were asked.
    pub(crate) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
