//! Operators on call: they replay, discard and eject what waits for a person, and more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use redrive_core::ids::LetterId;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::job::{Guard, NewJob};
use redrive_core::replay::{Change, Filter, Remark, ReplayOptions, Request, Selection};
use tokio::time::sleep;

use crate::actors::{FUNCTION, World};

impl World {
    /// Somebody who replays and discards what waits for a person, and more.
    pub(crate) async fn operate(self: Arc<Self>) {
        let (mut random, mut edits, mut natives) = (self.random(500), self.random(600), self.random(700));
        let mut looks = self.random(800);
        for round in 0_u64.. {
            sleep(Duration::from_millis(random.random_range(8_000..40_000))).await;
            if self.calm() {
                return;
            }
            let mut letters = self.letters.inner.all();
            if random.random_ratio(2, 3) {
                letters.retain(|letter| letter.status == Status::Pending);
            }
            let Some(letter) = letters.choose(&mut random) else { continue };
            if !random.random_ratio(self.plan.operators, 1_000) {
                continue;
            }
            if natives.random_ratio(self.plan.natives, 1_000) {
                self.redrive_natively(round, &mut natives).await;
                continue;
            }
            if random.random_ratio(1, 15) {
                Arc::clone(&self).give_back(round, letter.id).await;
                continue;
            }
            let request = if edits.random_ratio(self.plan.edits, 1_000) {
                self.amendment(&mut edits, letter)
            } else {
                self.whim(&mut random, letter)
            };
            let act = format!("operator.{round}");
            let request = self.looked_at(&act, request, &mut looks).await;
            self.request(1_000_000_000 + round, &act, request).await;
        }
    }

    /// Takes custody away, waits for the indexer's last run, ejects, and gives custody back after a while.
    async fn give_back(self: Arc<Self>, round: u64, letter: LetterId) {
        self.custody.store(false, Ordering::SeqCst);
        sleep(3 * FUNCTION).await;
        let request = Request::Eject { selection: Selection::Ids(vec![letter]), by: "ann, without a look".to_owned() };
        self.request(1_000_000_000 + round, &format!("operator.{round}"), request).await;
        sleep(FUNCTION).await;
        self.custody.store(true, Ordering::SeqCst);
    }

    /// Takes custody away, waits until something has died, and has SQS move it all back. Custody may return before that ends.
    async fn redrive_natively(&self, round: u64, random: &mut StdRng) {
        self.custody.store(false, Ordering::SeqCst);
        sleep(3 * FUNCTION).await;
        sleep(Duration::from_secs(random.random_range(0..120))).await;
        self.custody.store(random.random_ratio(1, 3), Ordering::SeqCst);
        let dead = self.dead.clone().with_faults(self.faults.of(&format!("operator.{round}")));
        // What dies again meanwhile is not part of it.
        let mut left = dead.len();
        while left > 0 {
            left -= dead.move_messages(&[&self.main, &self.unlisted], left.min(random.random_range(1..=3))).max(1);
            sleep(Duration::from_millis(random.random_range(2..3_000))).await;
        }
        self.custody.store(true, Ordering::SeqCst);
    }

    /// Makes a request that an operator might want who has this letter on the screen.
    fn whim(&self, random: &mut StdRng, letter: &Letter) -> Request {
        let (one, by) = (Selection::Ids(vec![letter.id]), "ann".to_owned());
        let alike = Filter { fingerprint: Some(letter.fingerprint.clone()), ..Filter::default() };
        let selection = if random.random_ratio(1, 2) { one.clone() } else { Selection::Filter(alike) };
        let remark = |selection, note: &str| Remark { selection, note: note.to_owned(), by: "ann".to_owned() };
        let jobs = self.letters.inner.all_jobs();
        // A job whose sends hang is one that somebody ends.
        let hangs = self.letters.inner.all().iter().find_map(|letter| {
            let now = self.faults.clock().now();
            let old = letter.sends.last().is_some_and(|send| now.since(send.at) > Duration::from_secs(10));
            letter.sends.last_job().filter(|_| old && letter.status == Status::Replaying)
        });
        if let Some(job) = hangs.filter(|_| random.random_ratio(2, 3)) {
            let to = if random.random_ratio(1, 2) { Change::Pause } else { Change::Cancel };
            return Request::Change { job, to, by, why: Some("it hangs".to_owned()) };
        }
        match (random.random_range(0..15), jobs.choose(random)) {
            (0 | 1, _) => Request::Discard(remark(one, "given up")),
            (2, _) => Request::Restore(remark(selection, "taken back")),
            (3, _) => Request::Note(remark(selection, "looked at")),
            (4 | 5, _) => {
                let after_replayed = random.random_ratio(1, 3) && self.plan.overtakes;
                let to = random.random_ratio(1, 3).then(|| self.other.arn());
                Request::Replay {
                    selection: one,
                    by,
                    options: ReplayOptions { after_replayed, to, ..ReplayOptions::default() },
                }
            }
            (6 | 7, Some(job)) if job.is_open() => {
                let to = [Change::Pause, Change::Resume, Change::Cancel].choose(random).copied();
                Request::Change { job: job.id, to: to.unwrap_or(Change::Resume), by, why: None }
            }
            (14, _) if random.random_ratio(1, 3) => Request::Free(remark(selection, "looked at")),
            (14, _) => Request::Erase(remark(one, "asked to")),
            _ => {
                let canary = random.random_range(0..4);
                let after_replayed = random.random_ratio(1, 3) && self.plan.overtakes;
                let to = random.random_ratio(1, 4).then(|| self.other.arn());
                let guard = Guard {
                    canary,
                    after_replayed,
                    max_failed_percent: random.random_range(0..=100),
                    outcome_seconds: random.random_range(30..900),
                    step_seconds: random.random_range(1..30),
                    ..Guard::default()
                };
                Request::Job(Box::new(NewJob { id: None, selection, to, guard, by, why: None, edit: None }))
            }
        }
    }
}
