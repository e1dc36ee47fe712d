//! Output at 40 columns, where ids and numbers stay whole.

use serde_json::json;

use super::{NARROW, WIDTH, is, is_within};
use crate::replay_function::Report;
use crate::{jobs, show, text, watch};
use redrive_operator::letter_view::{LedgerAnswer, LetterView};
use redrive_operator::samples::{self, NOW};

#[test]
fn ids_and_numbers_stay_whole_on_a_narrow_terminal() {
    let letter = samples::full();
    let why = format!("message {} has 300412 bytes, and the queue takes 262144", letter.origin);
    let refused = json!([{"letter": letter.id, "why": why}]);
    let answer = json!({"considered": 1_234_567, "sent": 1_234_565, "too_large": 1, "too_large_letters": refused,
        "edit_failed": 1, "refused_edits": refused, "unlisted": 1, "unlisted_sources": [letter.source]});
    is_within("refused-letters-narrow.txt", &Report::read(answer).unwrap().render(NARROW), NARROW);
    let seen = LetterView { ledger: LedgerAnswer::Records(vec![("its key", samples::entry(&letter))]), letter };
    is_within("show-ledger-narrow.txt", &show::render(&seen, None, NOW, NARROW), NARROW);
    let long = text::table(&["QUEUE", "VISIBLE"], &[vec!["q".repeat(80), "1234567".to_owned()]], WIDTH);
    is("table-of-a-long-name.txt", &long);
}

#[test]
fn jobs_and_their_ends_keep_their_ids_whole_on_a_narrow_terminal() {
    let seen = samples::jobs();
    is_within("jobs-narrow.txt", &jobs::render(&seen, NOW, NARROW), NARROW);
    let ends: String = seen.iter().map(|one| jobs::account(one, NARROW)).collect();
    is_within("watch-end-narrow.txt", &ends, NARROW);
    let followed: String = seen.iter().map(|one| watch::lines(one, NOW, NARROW)).collect();
    is_within("watch-narrow.txt", &followed, NARROW);
}
