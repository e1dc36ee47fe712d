//! The orders of a plan: what producers send about each, and what its handler does with it.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use redrive_core::message::envelope::{Attribute, Attributes};
use redrive_core::message::key;
use redrive_testkit::handlers::{Order, Play};

use super::{Plan, Posting, dies_once};

/// Kinds of orders in a plan.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Good,
    SentTwice,
    RowLate,
    DiesOnce,
    Refused,
    Slow,
    Hangs,
    Panics,
    EffectRefused,
    OtherAmount,
    Malformed,
    OwnKey,
}

const KINDS: [(Kind, u32); 12] = [
    (Kind::Good, 6),
    (Kind::SentTwice, 4),
    (Kind::RowLate, 4),
    (Kind::DiesOnce, 2),
    (Kind::Refused, 3),
    (Kind::Slow, 2),
    (Kind::Hangs, 1),
    (Kind::Panics, 1),
    (Kind::EffectRefused, 1),
    (Kind::OtherAmount, 4),
    (Kind::Malformed, 3),
    (Kind::OwnKey, 1),
];

impl Plan {
    /// Posts the messages about the order of this number, and writes down what its handler does.
    pub(super) fn order(&mut self, n: usize, random: &mut StdRng) {
        let id = format!("o-{n}");
        let kind = KINDS.choose_weighted(random, |(_, weight)| *weight).map_or(Kind::Good, |(kind, _)| *kind);
        let at = |random: &mut StdRng| Duration::from_millis(random.random_range(0..60_000));
        let mut post = |random: &mut StdRng, body: String, attributes: Attributes| {
            let group = random.random_range(0..3);
            let posting = Posting { at: at(random), body, attributes, group };
            self.postings.push(posting);
        };
        let none = Attributes::new;
        let script = match kind {
            Kind::Good => vec![],
            Kind::SentTwice => {
                for _ in 0..random.random_range(1..=2) {
                    post(random, Order::body(&id, 10), none());
                }
                let late = [vec![], vec![Play::Transient, Play::Succeed], vec![Play::Permanent, Play::Succeed]];
                late.choose(random).cloned().unwrap_or_default()
            }
            Kind::RowLate => {
                let times = random.random_range(1..=3);
                std::iter::repeat_n(Play::Transient, times).chain([Play::Succeed]).collect()
            }
            Kind::DiesOnce => dies_once(),
            Kind::Refused => vec![Play::Permanent],
            Kind::Slow => vec![Play::Work(Duration::from_millis(random.random_range(0..9_000)))],
            Kind::Hangs => vec![Play::Hang, Play::Succeed],
            Kind::Panics => vec![Play::Panic, Play::Panic, Play::Succeed],
            Kind::EffectRefused => vec![Play::EffectRefused],
            Kind::OtherAmount => {
                post(random, Order::body(&id, 99), none());
                let late = [vec![], vec![Play::Transient, Play::Succeed], vec![Play::Work(Duration::from_secs(3))]];
                late.choose(random).cloned().unwrap_or_default()
            }
            Kind::Malformed => {
                let body = ["", "{", "null", "7", "{\"order_id\":null}", "{\"amount\":1}", "{\"order_id\":\"x\"}"];
                let body = (*body.choose(random).unwrap_or(&"")).to_owned();
                post(random, body, none());
                return;
            }
            Kind::OwnKey => {
                let attributes = Attributes::from([(key::ATTRIBUTE.to_owned(), Attribute::text(id.clone()))]);
                post(random, Order::body(&format!("{id}-under-another-name"), 10), attributes);
                vec![]
            }
        };
        post(random, Order::body(&id, 10), none());
        self.scripts.push((id, script));
    }
}
