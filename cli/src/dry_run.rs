//! Question what a replay would send, asked of the replay function.

use redrive_core::ids::LetterId;
use redrive_core::letters::letter::Status;
use redrive_core::ports::Letters;
use redrive_core::replay::job::Guard;
use redrive_core::replay::{Filter, Selection, Shown};
use redrive_operator::walk::{Wanted, look};

use crate::completion::Error;
use crate::replay_function::{ReplayFunction, Report};
use crate::replay_request::{Way, at_once};

/// Number of listed letters that are asked about in one call.
const DRY: usize = 1_000;

/// Asks what would become of the letters. A long list goes in pages; a filter's answer says as of which instant it was looked at. Where
/// a filter means more letters than the function gets through, they are asked about in pages, too, as they stand in the table.
pub(crate) async fn dry_run<L: Letters>(
    (function, letters): (&impl ReplayFunction, &L),
    way: Way<'_>,
    guard: &Guard,
    by: &str,
) -> Result<Report, Error> {
    let ask = async |selection: &Selection| {
        Report::read(function.ask(&at_once(Way { selection, ..way }, guard, by, true)).await?)
    };
    let (pages, first) = match way.selection {
        Selection::Ids(ids) => (ids.chunks(DRY).map(|few| Selection::Ids(few.to_vec())).collect(), None),
        Selection::Shown(shown) => (in_pages(shown), None),
        Selection::Filter(filter) => {
            let answer = ask(way.selection).await?;
            if !answer.more {
                return Ok(answer);
            }
            (in_pages(&fitting(letters, filter).await?), Some(answer))
        }
        other @ Selection::Listed(_) => return ask(other).await,
    };
    let mut total = Report::default();
    for page in &pages {
        total = total.and(ask(page).await?);
    }
    Ok(match first {
        Some(first) => total.with_instant_of(&first),
        None => total,
    })
}

fn in_pages(shown: &Shown) -> Vec<Selection> {
    let all: Vec<_> = shown.letters.iter().map(|(id, version)| (*id, *version)).collect();
    let page = |few: &[_]| Shown { letters: few.iter().copied().collect(), named: shown.named };
    all.chunks(DRY).map(|few| Selection::Shown(page(few))).collect()
}

/// Waiting letters that fit, each in its present version.
async fn fitting<L: Letters>(letters: &L, filter: &Filter) -> Result<Shown, Error> {
    let wanted = Wanted { filter: filter.clone(), statuses: vec![Status::Pending] };
    let ids = wanted.sums(letters, |ids: &mut Vec<LetterId>, one| ids.push(one.id)).await?.concat();
    let looks = look(letters, &ids).await?;
    let letters = looks.into_iter().flatten().map(|look| (look.candidate.id, look.version)).collect();
    Ok(Shown { letters, named: false })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use redrive_core::replay::Request;
    use redrive_operator::samples;
    use redrive_testkit::ModelLetters;
    use serde_json::{Value, json};

    use super::*;

    /// Function whose time runs out after ten letters.
    struct Slow(RefCell<Vec<usize>>);

    impl ReplayFunction for Slow {
        async fn ask(&self, request: &Value) -> Result<Value, Error> {
            let Ok(Request::DryRun { selection, .. }) = Request::parse(request) else {
                panic!("no dry run: {request}")
            };
            if matches!(selection, Selection::Filter(_)) {
                return Ok(json!({"would_send": 10, "more": true, "as_of": "2026-11-22T13:00:00.000Z"}));
            }
            let letters = selection.count().unwrap();
            self.0.borrow_mut().push(letters);
            Ok(json!({"would_send": letters, "more": false}))
        }
    }

    #[tokio::test]
    async fn a_filter_that_means_more_than_the_function_gets_through_is_asked_about_in_pages() {
        let (store, function) = (ModelLetters::new(), Slow(RefCell::default()));
        let (waiting, code) = (1_500, Some("currency".to_owned()));
        samples::many(waiting as u64).for_each(|letter| store.force(letter));
        let selection = Selection::Filter(Filter { error_code: code, ..Filter::default() });
        let way = Way { selection: &selection, to: None, edit: None };
        let told = dry_run((&function, &store), way, &Guard::default(), "ann").await.unwrap();
        assert_eq!((told.of("would_send"), told.more), (waiting as u64, false));
        assert_eq!(*function.0.borrow(), [DRY, waiting - DRY]);
        assert!(told.as_of().is_some(), "of the first answer");
    }
}
