//! `redrive doctor`: looks at queues, their consumers, alarms and topics as they are deployed, and says what is wrong with
//! them and how it is mended. The rules are core's; `doctor/aws.rs` gathers what they look at, `doctor/report.rs` tells it.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod examination;
#[cfg(test)]
mod golden;
mod report;

#[cfg(feature = "aws")]
pub(crate) use examination::{diagnosis, run};

use redrive_doctor::{Diagnosis, Rule, Severity};

use crate::completion::{Completion, Error};
use crate::out::Out;

/// Says why a rule is there.
pub(crate) fn explain(rule: &Rule, out: Out) -> Result<Completion, Error> {
    out.either(|| report::rule_document(rule), |width| report::explanation(rule, width))?;
    Ok(Completion::Done)
}

fn ended(diagnosis: &Diagnosis, strict: bool) -> Completion {
    let blind = strict && !diagnosis.not_checked.is_empty();
    if diagnosis.count(Severity::Error) > 0 || blind { Completion::Ailing } else { Completion::Done }
}
