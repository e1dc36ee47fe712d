//! Output about a job that stopped, and about its letters.

use redrive_operator::samples::{self, NOW};

use super::{NARROW, WIDTH, is, is_within, store};
use crate::job_letters;

#[tokio::test]
async fn a_stopped_job_tells_what_failed_why_and_what_goes_on() {
    let store = store();
    let letters = samples::letters();
    let overview = samples::stopped(&store, &letters).await;
    let left = job_letters::gather((&store, &samples::ledger_of(&letters[37])), &overview).await.unwrap();
    is("watch-stopped.txt", &left.account(&overview, NOW, WIDTH));
    is_within("watch-stopped-narrow.txt", &left.account(&overview, NOW, NARROW), NARROW);
    is("watch-stopped.json", &format!("{:#}\n", left.document(&overview)));
    is("list-job.txt", &left.render(usize::MAX, WIDTH));
    is_within("list-job-narrow.txt", &left.render(usize::MAX, NARROW), NARROW);
}
