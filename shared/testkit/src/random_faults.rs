//! Random faults of calls.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redrive_core::time::Timestamp;

use crate::clock::ORIGIN;
use crate::faults::{CallCourse, CallFault};

/// Chances that a call goes wrong, each in a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chances {
    /// Chance of a [`CallFault::Refused`].
    pub refused: u32,
    /// Chance of a [`CallFault::LostAnswer`].
    pub lost_answer: u32,
    /// [`CallFault::Late`], by up to two minutes
    pub late: u32,
    /// Chance of a [`CallFault::Twice`].
    pub twice: u32,
    /// Chance of a [`CallFault::Partly`].
    pub partly: u32,
    /// Chance of a [`CallFault::Conflict`].
    pub conflict: u32,
    /// Chance of a [`CallFault::CrashBefore`] or [`CallFault::CrashAfter`].
    pub crash: u32,
    /// The service goes out of reach for up to a minute and a half.
    pub outage: u32,
    /// [`CallFault::Slow`] or [`CallFault::SlowAnswer`], by up to 40 s
    pub slow: u32,
    /// Longest time that every other call takes there, and as long back.
    pub latency: Duration,
    /// Time after which nothing goes wrong any more, so that what is left can come to rest.
    pub calm_after: Duration,
}

impl Chances {
    /// A calm day: latency of up to 20 ms, and nothing goes wrong.
    #[must_use]
    pub const fn calm() -> Self {
        Self {
            refused: 0,
            lost_answer: 0,
            late: 0,
            twice: 0,
            partly: 0,
            conflict: 0,
            crash: 0,
            outage: 0,
            slow: 0,
            latency: Duration::from_millis(20),
            calm_after: Duration::from_secs(600),
        }
    }

    /// A bad day: one call in eight goes wrong somehow, for ten minutes.
    #[must_use]
    pub const fn rough() -> Self {
        Self {
            refused: 20,
            lost_answer: 25,
            late: 15,
            twice: 15,
            partly: 15,
            conflict: 15,
            crash: 20,
            outage: 3,
            slow: 10,
            ..Self::calm()
        }
    }

    /// The same, with everything going wrong `times` as often.
    #[must_use]
    pub const fn worse(self, times: u32) -> Self {
        Self {
            refused: self.refused * times,
            lost_answer: self.lost_answer * times,
            late: self.late * times,
            twice: self.twice * times,
            partly: self.partly * times,
            conflict: self.conflict * times,
            crash: self.crash * times,
            outage: self.outage * times,
            slow: self.slow * times,
            ..self
        }
    }

    const fn kinds(&self) -> [(Kind, u32); 9] {
        [
            (Kind::Refused, self.refused),
            (Kind::LostAnswer, self.lost_answer),
            (Kind::Late, self.late),
            (Kind::Twice, self.twice),
            (Kind::Partly, self.partly),
            (Kind::Conflict, self.conflict),
            (Kind::Crash, self.crash),
            (Kind::Outage, self.outage),
            (Kind::Slow, self.slow),
        ]
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Refused,
    LostAnswer,
    Late,
    Twice,
    Partly,
    Conflict,
    Crash,
    Outage,
    Slow,
}

#[derive(Debug)]
pub(crate) struct RandomFaults {
    random: StdRng,
    chances: Chances,
    outages: BTreeMap<&'static str, Timestamp>,
}

impl RandomFaults {
    pub(crate) fn new(seed: u64, chances: Chances) -> Self {
        Self { random: StdRng::seed_from_u64(seed), chances, outages: BTreeMap::new() }
    }

    pub(crate) fn course(&mut self, service: &'static str, now: Timestamp) -> CallCourse {
        let (there, back) = (self.latency(), self.latency());
        let calm = CallCourse { call_fault: None, there, back };
        if now > ORIGIN.after(self.chances.calm_after) {
            return calm;
        }
        if self.outages.get(service).is_some_and(|until| now < *until) {
            return CallCourse { call_fault: Some(CallFault::Refused), ..calm };
        }
        let Some(kind) = self.kind() else { return calm };
        let seconds = |random: &mut StdRng, most: u64| Duration::from_millis(random.random_range(1..=most * 1_000));
        let call_fault = match kind {
            Kind::Refused => CallFault::Refused,
            Kind::LostAnswer => CallFault::LostAnswer,
            Kind::Late => CallFault::Late(seconds(&mut self.random, 120)),
            Kind::Twice => CallFault::Twice,
            Kind::Partly => CallFault::Partly(self.random.random()),
            Kind::Conflict => CallFault::Conflict,
            Kind::Crash if self.random.random() => CallFault::CrashBefore,
            Kind::Crash => CallFault::CrashAfter,
            Kind::Outage => {
                self.outages.insert(service, now.after(seconds(&mut self.random, 90)));
                CallFault::Refused
            }
            Kind::Slow if self.random.random() => CallFault::Slow(seconds(&mut self.random, 40)),
            Kind::Slow => CallFault::SlowAnswer(seconds(&mut self.random, 40)),
        };
        CallCourse { call_fault: Some(call_fault), ..calm }
    }

    fn kind(&mut self) -> Option<Kind> {
        let mut roll = self.random.random_range(0..1_000_u32);
        for (kind, chance) in self.chances.kinds() {
            if roll < chance {
                return Some(kind);
            }
            roll -= chance;
        }
        None
    }

    fn latency(&mut self) -> Duration {
        let most = u64::try_from(self.chances.latency.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.random.random_range(0..=most))
    }
}
