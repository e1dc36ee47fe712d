//! Pages of the console, asked in process: who is let in, what a browser may do, what a text of a message can, and how acts go.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "these are tests")]
#![allow(unreachable_pub, clippy::cast_possible_wrap, reason = "these are tests")]

mod incident;
#[path = "incident/story.rs"]
mod story;

#[path = "router/acts.rs"]
mod acts;
#[path = "router/browser.rs"]
mod browser;
#[path = "router/gate.rs"]
mod gate;
#[path = "router/many.rs"]
mod many;
#[path = "router/pages.rs"]
mod pages;
