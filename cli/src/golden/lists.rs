//! Letters in lists, and as a search finds them.

use redrive_core::letters::letter::Status;
use redrive_core::message::foreign::ClaimCheck;
use redrive_core::replay::Candidate;
use redrive_operator::samples::{self, NOW};
use redrive_operator::walk::Wanted;
use redrive_operator::{find, listing};

use super::{NARROW, WIDTH, is, is_within, pending, store};
use crate::list::{Columns, LineMarks};
use crate::{out, text};

#[test]
fn a_list_looks_as_it_did() {
    let letters = samples::letters();
    let some: Vec<_> = letters[34..40].iter().chain(&letters[49..]).map(Candidate::of).collect();
    let columns = Columns::new(&pending(), NOW, WIDTH);
    let lines: String = some.iter().map(|found| columns.line(found, &LineMarks::default())).collect();
    let pointing = columns.line(&some[0], &LineMarks { in_s3: true, ..LineMarks::default() });
    is("list.txt", &format!("{}{lines}{pointing}", columns.head()));
    let narrow = Columns::new(&pending(), NOW, NARROW);
    let lines: String = some.iter().map(|found| narrow.line(found, &LineMarks::default())).collect();
    let lines = format!(
        "{}{lines}{}",
        narrow.head(),
        narrow.line(&some[0], &LineMarks { in_s3: true, ..LineMarks::default() })
    );
    is_within("list-narrow.txt", &lines, NARROW);
    let piped = Columns::new(&pending(), NOW, out::UNCUT);
    let marks = LineMarks { done: true, ..LineMarks::default() };
    let lines: String = some.iter().map(|found| piped.line(found, &marks)).collect();
    is_within("list-piped.txt", &format!("{}{lines}", piped.head()), out::UNCUT);
    let any = Wanted { statuses: vec![Status::Pending, Status::Discarded], ..pending() };
    let columns = Columns::new(&any, NOW, WIDTH);
    let lines: String = some.iter().map(|found| columns.line(found, &LineMarks::default())).collect();
    is("list-any.txt", &format!("{}{lines}", columns.head()));
    let columns = Columns::new(&pending(), NOW, WIDTH).of_oldest();
    let mut some = some;
    some.sort_by_key(|found| found.first_failed_at);
    let lines: String = some.iter().take(4).map(|found| columns.line(found, &LineMarks::default())).collect();
    is("list-oldest.txt", &format!("{}{lines}", columns.head()));
    let some: Vec<_> = letters[34..40].iter().chain(&letters[49..]).map(Candidate::of).collect();
    is("list.ndjson", &some.iter().map(|found| format!("{}\n", listing::document(found, None))).collect::<String>());
    let check =
        ClaimCheck { bucket: "large".to_owned(), key: "8b79b963".to_owned(), bytes: Some(4_194_336), attribute: None };
    is("list-s3.ndjson", &format!("{}\n", listing::document(&some[0], Some(&check))));
}

#[tokio::test]
async fn a_search_looks_as_it_did() {
    let search = find::everywhere(&store(), "o-3", 20, |_, _| ()).await.unwrap();
    let told = |width| {
        let account = text::hanging(&crate::find::account(&search), 2, width);
        format!("{}{account}", crate::find::render(&search, NOW, width))
    };
    is("find.txt", &told(WIDTH));
    is_within("find-narrow.txt", &told(NARROW), NARROW);
    is_within("find-piped.txt", &told(out::UNCUT), out::UNCUT);
    is("find.json", &format!("{:#}\n", search.json()));
    let exact = find::exactly(&store(), "o-3", &[]).await.unwrap();
    is("find-key.txt", &format!("{}{}\n", crate::find::render(&exact, NOW, WIDTH), crate::find::account(&exact)));
}
