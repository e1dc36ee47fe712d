//! Requests for exactly the letters that were shown: they go to the function by id and version, some hundreds at a
//! time.

use std::collections::BTreeMap;
use std::time::Duration;

use redrive_core::ids::LetterId;
use redrive_core::ports::Letters;
use redrive_core::replay::{Selection, Shown};
use redrive_core::time::Timestamp;
use redrive_operator::request::add_selection;
use redrive_operator::walk::look;
use serde_json::Value;

use crate::completion::Error;
use crate::interrupt;
use crate::replay_function::{ReplayFunction, Report};
use crate::text::count;

/// Number of letters for which the function is asked at once: a request stays small, and is done within its time.
const PAGE: usize = 500;
/// Difference from AWS's clock above which a warning is given.
const CLOCK: Duration = Duration::from_secs(60);

/// Asks for all that was shown, page by page; of a page again what is left of it, while the function's time runs out and it gets
/// on. What was changed by somebody else meanwhile is left alone, and counted.
pub(crate) async fn carry_out<L: Letters>(
    function: &impl ReplayFunction,
    letters: &L,
    request: &Value,
    shown: &Shown,
) -> Result<Report, Error> {
    let all: Vec<_> = shown.letters.iter().map(|(id, version)| (*id, *version)).collect();
    let mut total = Report::default();
    let mut begun = 0;
    for page in all.chunks(PAGE) {
        begun += page.len();
        interrupt::explain(interrupted(&total, (begun, page.len(), all.len())));
        let report = carry_page(function, letters, request, page.to_vec(), shown.named).await?;
        let ended_early = report.more || report.stopped.is_some();
        total = total.and(report);
        if ended_early {
            break;
        }
    }
    Ok(total)
}

/// Says what a person must know who interrupts: what was done, what may go on, and what was not begun.
pub(crate) fn interrupted(total: &Report, (begun, page, all): (usize, usize, usize)) -> String {
    let done = count(total.progress(), "letter was", "letters were");
    let left = all - begun;
    format!(
        "interrupted: {done} changed; the function still works on {page}, which goes on by itself; {left} of {all} were not begun. \
         The same command goes on from there; look: redrive status"
    )
}

async fn carry_page<L: Letters>(
    function: &impl ReplayFunction,
    letters: &L,
    request: &Value,
    mut page: Vec<(LetterId, u64)>,
    named: bool,
) -> Result<Report, Error> {
    let mut earlier: Option<Report> = None;
    loop {
        let shown = Shown { letters: page.iter().copied().collect::<BTreeMap<_, _>>(), named };
        let mut request = request.clone();
        add_selection(&mut request, &Selection::Shown(shown));
        let next = Report::read(function.ask(&request).await?)?;
        let stuck = next.progress() == 0;
        let mut report = match earlier {
            Some(earlier) => next.after(&earlier),
            None => next,
        };
        if !report.more || report.stopped.is_some() || stuck {
            return Ok(report);
        }
        let ids: Vec<_> = page.iter().map(|(id, _)| *id).collect();
        let looks = look(letters, &ids).await?;
        let same = |(place, version): (usize, u64)| looks[place].as_ref().is_some_and(|look| look.version == version);
        page = page
            .iter()
            .enumerate()
            .filter(|(place, (_, version))| same((*place, *version)))
            .map(|(_, one)| *one)
            .collect();
        if page.is_empty() {
            report.more = false;
            return Ok(report);
        }
        earlier = Some(report);
    }
}

/// Warns about a clock that is not AWS's: a span like `--since 1h` is counted from it.
pub(crate) fn clock(here: Timestamp, aws: Timestamp) -> Option<String> {
    let (apart, word) = if here < aws { (aws.since(here), "behind") } else { (here.since(aws), "ahead of") };
    let warning =
        format!("this machine's clock is {} s {word} AWS's: spans like 1h are counted from it", apart.as_secs());
    (apart > CLOCK).then_some(warning)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use redrive_core::replay::Request;
    use redrive_testkit::ModelLetters;
    use serde_json::json;

    use super::*;
    use crate::completion::Completion;
    use redrive_operator::samples;

    /// A function that discards what it is asked for, a few letters before its time runs out.
    struct Discarding {
        store: ModelLetters,
        few: usize,
        asked: RefCell<Vec<usize>>,
    }

    impl ReplayFunction for Discarding {
        async fn ask(&self, request: &Value) -> Result<Value, Error> {
            let Ok(Request::Discard(remark)) = Request::parse(request) else { panic!("{request}") };
            let ids = remark.selection.ids().unwrap();
            self.asked.borrow_mut().push(ids.len());
            let (mut discarded, mut changed) = (0, 0);
            for id in ids.iter().take(self.few) {
                let letter = (*self.store.letter(*id).unwrap()).clone();
                if remark.selection.is_unchanged(&letter) {
                    self.store.force(redrive_core::letters::letter::Letter { version: letter.version + 1, ..letter });
                    discarded += 1;
                } else {
                    changed += 1;
                }
            }
            Ok(json!({"discarded": discarded, "changed_meanwhile": changed, "more": ids.len() > self.few}))
        }
    }

    #[test]
    fn an_interruption_says_what_was_done_what_goes_on_and_what_was_not_begun() {
        let total = Report::read(json!({"discarded": 4_000, "changed_meanwhile": 1})).unwrap();
        let text = interrupted(&total, (4_500, 500, 15_000));
        for words in ["4000 letters were changed", "still works on 500", "10500 of 15000 were not begun"] {
            assert!(text.contains(words), "{text}");
        }
    }

    async fn story(few: usize) -> (Report, Vec<usize>) {
        let store = ModelLetters::new();
        let letters: Vec<_> = samples::many(1_200).collect();
        letters.iter().for_each(|letter| store.force(letter.clone()));
        let shown = Shown { letters: letters.iter().map(|one| (one.id, one.version)).collect(), named: false };
        // Somebody else has one of them meanwhile.
        store.force(redrive_core::letters::letter::Letter { version: letters[7].version + 1, ..letters[7].clone() });
        let function = Discarding { store: store.clone(), few, asked: RefCell::default() };
        let request = json!({"action": "discard", "note": "n", "by": "ann"});
        let report = carry_out(&function, &store, &request, &shown).await.unwrap();
        (report, function.asked.into_inner())
    }

    #[test]
    fn a_clock_that_is_not_awss_is_told() {
        let aws = samples::NOW;
        assert_eq!(clock(aws.after(Duration::from_secs(59)), aws), None);
        let fast = clock(aws.after(Duration::from_secs(3_600)), aws).unwrap();
        assert!(fast.contains("3600 s ahead of AWS's"), "{fast}");
        assert!(clock(aws, aws.after(Duration::from_secs(61))).unwrap().contains("61 s behind"));
    }

    #[tokio::test]
    async fn all_that_was_shown_is_asked_for_in_pages_and_what_changed_is_left_alone() {
        let (report, asked) = story(PAGE).await;
        assert_eq!(asked, [500, 500, 200]);
        assert_eq!((report.of("discarded"), report.of("changed_meanwhile"), report.more), (1_199, 1, false));
        assert_eq!(report.ended(), Completion::NotAsAsked, "one was not touched");
    }

    #[tokio::test]
    async fn a_function_whose_time_runs_out_is_asked_again_for_what_is_left() {
        let (report, asked) = story(300).await;
        assert_eq!(report.of("discarded"), 1_199);
        assert!(!report.more && asked.len() > 4, "{asked:?}");
        let (report, asked) = story(0).await;
        assert_eq!((report.of("discarded"), report.more, asked.len()), (0, true, 1), "it ends without progress");
    }
}
