//! What the tests of more than one kind share.

pub mod stage;
