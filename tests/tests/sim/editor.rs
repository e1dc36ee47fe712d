//! Operators who edit letters, as actors of the world.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use redrive_core::letters::letter::{Letter, Status};
use redrive_core::replay::job::{Guard, NewJob};
use redrive_core::replay::{Edit, Filter, Remark, ReplayOptions, Request, Selection};
use redrive_testkit::handlers::Order;
use serde_json::json;
use tokio::time::sleep;

use crate::actors::World;

impl World {
    /// Makes the request of an operator who has found out what is wrong with this letter, and perhaps with others of
    /// its kind.
    pub(crate) fn amendment(&self, random: &mut StdRng, letter: &Letter) -> Request {
        let amount = random.random_range(1_000..1_000_000);
        let order: Option<Order> = serde_json::from_str(letter.payload_now()).ok();
        let key =
            letter.key.as_ref().map_or_else(|| format!("mended-{}", letter.origin), |key| key.as_str().to_owned());
        let id = order.map_or(key, |order| order.order_id);
        let one = Selection::Ids(vec![letter.id]);
        let alike = Filter { fingerprint: Some(letter.fingerprint.clone()), ..Filter::default() };
        let (selection, edit) = if random.random_ratio(1, 2) {
            (one, Edit::Body(Order::body(&id, amount)))
        } else {
            let patch = json!([{"op": "replace", "path": "/amount", "value": amount}]);
            let patch = Edit::Patch(serde_json::from_value(patch).expect("a patch"));
            (if random.random_ratio(1, 2) { one } else { Selection::Filter(alike) }, patch)
        };
        let by = "ann".to_owned();
        if random.random_ratio(1, 2) {
            return Request::Replay {
                selection,
                by,
                options: ReplayOptions { edit: Some(edit), ..ReplayOptions::default() },
            };
        }
        let guard = Guard { canary: 0, outcome_seconds: random.random_range(30..900), ..Guard::default() };
        Request::Job(Box::new(NewJob { id: None, selection, guard, by, why: None, to: None, edit: Some(edit) }))
    }

    /// Returns true if an operator who edits every letter has come to the end with all, or there is none.
    pub(crate) fn is_amended(&self) -> bool {
        self.plan.amends.is_none() || self.letters.inner.all().iter().all(|letter| letter.status == Status::Resolved)
    }

    /// Somebody who replays what waits as it is, and edits a letter that has died too often; as often as it takes. A key that can
    /// bear no more is freed first.
    pub(crate) async fn amend(self: Arc<Self>) {
        let Some(deaths) = self.plan.amends else { return };
        for round in 0_u64..400 {
            sleep(Duration::from_secs(3)).await;
            let mut waiting = self.letters.inner.all();
            waiting.retain(|letter| letter.status == Status::Pending);
            let Some(letter) = waiting.first() else { continue };
            // What SQS refused has its new body already.
            let edits = letter.deaths >= deaths && letter.edited.is_none();
            let edit = edits.then(|| Edit::Body(Order::body("refused", 7)));
            let meant = if edits { &waiting[..1] } else { &waiting[..] };
            let (selection, by) = (Selection::Ids(meant.iter().map(|letter| letter.id).collect()), "ann".to_owned());
            let full = |letter: &Arc<Letter>| letter.reason.error_code.as_deref() == Some("too-many-enqueues");
            let request = if waiting.iter().any(full) && round % 2 == 0 {
                Request::Free(Remark { selection, note: "its row has come".to_owned(), by })
            } else {
                Request::Replay { selection, by, options: ReplayOptions { edit, ..ReplayOptions::default() } }
            };
            self.request(2_000_000_000 + round, &format!("editor.{round}"), request).await;
        }
    }
}
