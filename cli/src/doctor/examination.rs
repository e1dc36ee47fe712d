//! Examination of a deployment, or of any queues, by the rules.

use std::time::SystemTime;

use redrive_doctor::{Deployment, Diagnosis, RULES};

use super::{aws, ended, report};
use crate::args::{Common, Doctor};
use crate::completion::{Completion, Error};
use crate::out::Out;
use crate::pairs_file::PairsFile;

const NOT_EXAMINED: &str = "the doctor has rules for those alone; docs/sources.md has what a broker's mapping needs";

/// Looks at a deployment, and reports what is wrong.
pub(crate) async fn run(args: &Doctor, common: &Common, out: Out) -> Result<Completion, Error> {
    let (config, stack) = crate::aws::found(common).await?;
    if let Some(stack) = stack.as_ref().filter(|_| args.queues.is_empty()) {
        stack.is_of_sqs(NOT_EXAMINED)?;
    }
    let services = aws::Services::new(&config, PairsFile::read(common.pairs.as_deref())?, SystemTime::now());
    let deployment = services.look(stack.as_ref(), &args.queues).await?;
    // Without a single queue the rest says nothing.
    if let Some(Err(why)) =
        deployment.pairs.iter().map(|pair| &pair.source.attributes).find(|_| all_hidden(&deployment))
    {
        let place = crate::reach::here(&config, crate::reach::Service::Sqs);
        return Err(Error::Service(format!("no queue could be read {place}: {why}")));
    }
    let rules = if args.rules.is_empty() { RULES.to_vec() } else { args.rules.clone() };
    let diagnosis = Diagnosis::of(&deployment, &rules);
    let content = report::ReportContent { deployment: &deployment, diagnosis: &diagnosis, rules: rules.len() };
    out.either(|| report::document(&content), |width| report::render(&content, width))?;
    Ok(ended(&diagnosis, args.strict))
}

/// Checks the queues of a stack against every rule.
pub(crate) async fn diagnosis(common: &Common) -> Result<Diagnosis, Error> {
    let (config, stack) = crate::aws::found(common).await?;
    if let Some(stack) = &stack {
        stack.is_of_sqs(NOT_EXAMINED)?;
    }
    let deployment = aws::Services::new(&config, PairsFile::read(common.pairs.as_deref())?, SystemTime::now())
        .look(stack.as_ref(), &[])
        .await?;
    Ok(Diagnosis::of(&deployment, &RULES))
}

fn all_hidden(deployment: &Deployment) -> bool {
    deployment.pairs.iter().all(|pair| pair.source.attributes.is_err())
}
