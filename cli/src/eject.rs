//! Putting what waits back into its dead-letter queue.

use redrive_core::letters::letter::Status;
use redrive_core::time::Timestamp;
use redrive_operator::job_holders::JobHolders;

use crate::act::{confirm, confirmable, request};
use crate::args::Eject;
use crate::choose::choose;
use crate::completion::{Completion, Error};
use crate::out::{self, Out};
use crate::preview::Preview;
use crate::stack_port::StackPort;

/// Words of the question about what will be done.
pub(crate) const VERB: &str = "to be put into the dead-letter queue, and given up here";

/// Carries out the command: shows, asks, and ejects.
pub(crate) async fn run<S: StackPort>(
    args: &Eject,
    access: &S,
    by: &str,
    (now, out): (Timestamp, Out),
) -> Result<Completion, Error> {
    confirmable(args.yes)?;
    let selection = choose(&args.chosen, access, &[Status::Pending], now).await?;
    let letters = access.letters()?;
    let holders = JobHolders::read(&letters).await?;
    let preview = out::patiently(Preview::of(&letters, &selection, vec![Status::Pending], &holders)).await?;
    preview.met(&selection)?;
    out::say(preview.render(VERB, now, out.width).trim_end());
    preview.warn(&holders);
    if preview.letters() > 0 {
        confirm(args.yes, "Go on?")?;
    }
    let report = preview.carry_out((access, &letters), &selection, request("eject", &selection, by)).await?;
    out.either(|| report.json(), |width| report.render(width))?;
    Ok(report.ended())
}

#[cfg(test)]
mod tests {
    use redrive_core::replay::{Filter, Request, Selection};

    use super::*;
    use redrive_operator::samples;

    #[test]
    fn what_is_asked_for_is_what_the_function_understands() {
        let ids = Selection::Ids(vec![samples::letters()[0].id]);
        let filter = Selection::Filter(Filter { error_code: Some("currency".to_owned()), ..Filter::default() });
        for selection in [ids, filter] {
            let understood = Request::parse(&request("eject", &selection, "ann")).unwrap();
            assert_eq!(understood, Request::Eject { selection, by: "ann".to_owned() });
        }
    }
}
