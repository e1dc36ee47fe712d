//! Permissions that a role needs on the queues. IAM's simulator is asked, and a refusal is reported.

use super::deployment::{Consumer, Encryption, ExaminedPair, Fact, Permission, Queue, Unread};

fn each(actions: &[&str], resource: &str) -> Vec<(String, String)> {
    actions.iter().map(|action| ((*action).to_owned(), resource.to_owned())).collect()
}

/// The key of a queue, where its ARN is known: IAM judges neither aliases nor ids.
fn decrypting(queue: &Queue) -> Vec<(String, String)> {
    match queue.attributes.as_ref().map(|attributes| &attributes.encryption) {
        Ok(Encryption::Key(key)) if key.starts_with("arn:") && key.contains(":key/") => each(&["kms:Decrypt"], key),
        _ => Vec::new(),
    }
}

/// Lists the actions and ARNs that the role of a consumer needs. The event source mapping receives and deletes with the
/// function's role.
#[must_use]
pub fn consuming(pair: &ExaminedPair, consumer: &Consumer) -> Vec<(String, String)> {
    let receive = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
    let mut needed = each(&receive, &pair.source.arn);
    needed.extend(decrypting(&pair.source));
    let processor = consumer.function.settings.as_ref().ok().and_then(|settings| settings.processor.as_ref().ok());
    if let Some(processor) = processor.and_then(Option::as_ref) {
        needed.extend(each(&["sqs:ChangeMessageVisibility"], &pair.source.arn));
        if let Some(dead) = pair.dead.as_ref().filter(|_| processor.direct) {
            needed.extend(each(&["sqs:SendMessage"], &dead.arn));
        }
    }
    needed
}

/// Lists the permissions that our indexer's role needs.
#[must_use]
pub fn indexing(pair: &ExaminedPair) -> Vec<(String, String)> {
    let Some(dead) = pair.dead.as_ref().filter(|_| pair.custody) else { return Vec::new() };
    let mut needed = each(&["sqs:ReceiveMessage", "sqs:DeleteMessage"], &dead.arn);
    needed.extend(decrypting(dead));
    needed
}

/// Lists the permissions that our replay's role needs.
#[must_use]
pub fn replaying(pair: &ExaminedPair) -> Vec<(String, String)> {
    each(&["sqs:SendMessage", "sqs:GetQueueAttributes"], &pair.source.arn)
}

/// Decision of IAM's simulator on one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A policy of the role allows it.
    Allowed,
    /// No policy of the role does.
    NotAllowed,
    /// A statement denies the action.
    Denied,
}

impl Permission {
    /// The simulator looks at the role's own policies, and a policy of the queue may allow what those do not.
    #[must_use]
    pub fn judged(action: String, resource: String, decision: Decision, pair: &ExaminedPair) -> Self {
        let mut queues = [Some(&pair.source), pair.dead.as_ref()].into_iter().flatten();
        let allowed = match decision {
            Decision::Allowed => Ok(true),
            Decision::Denied => Ok(false),
            Decision::NotAllowed => by_itself(queues.find(|queue| queue.arn == resource), &action),
        };
        Self { action, resource, allowed }
    }
}

fn by_itself(queue: Option<&Queue>, action: &str) -> Fact<bool> {
    let unclear = || Err(Unread::Because("the role's policies do not allow it, and the queue's own may".to_owned()));
    let Some(queue) = queue else { return Err(Unread::Because("the key's own policy may allow it".to_owned())) };
    match queue.attributes.as_ref().map(|attributes| &attributes.policy) {
        Ok(None) => Ok(false),
        Ok(Some(Ok(policy))) if !policy.may_allow(action) => Ok(false),
        _ => unclear(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::PolicyDocument;
    use crate::tests::{foreign, ours};

    fn asked(needed: &[(String, String)]) -> Vec<&str> {
        needed.iter().map(|(action, _)| action.as_str()).collect()
    }

    #[test]
    fn a_consumer_receives_and_deletes_and_a_processor_of_ours_delays_and_hands_over_too() {
        let deployment = foreign();
        let pair = &deployment.pairs[0];
        let consumer = &pair.consumers.as_ref().unwrap()[0];
        let receive = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        assert_eq!(asked(&consuming(pair, consumer)), receive);
        let mut deployment = ours();
        let pair = &mut deployment.pairs[0];
        let settings = pair.consumers.as_mut().unwrap()[0].function.settings.as_mut().unwrap();
        settings.processor.as_mut().unwrap().as_mut().unwrap().direct = true;
        let key = "arn:aws:kms:eu-central-1:123456789012:key/1";
        pair.source.attributes.as_mut().unwrap().encryption = Encryption::Key(key.to_owned());
        let needed = consuming(pair, &pair.consumers.as_ref().unwrap()[0]);
        let more = ["kms:Decrypt", "sqs:ChangeMessageVisibility", "sqs:SendMessage"];
        assert_eq!(asked(&needed), [&receive[..], &more[..]].concat());
        assert_eq!((&needed[3].1, &needed[5].1), (&key.to_owned(), &pair.dead.as_ref().unwrap().arn));
    }

    #[test]
    fn the_indexer_needs_nothing_of_a_queue_that_it_does_not_empty() {
        let mut deployment = ours();
        assert_eq!(asked(&indexing(&deployment.pairs[0])), ["sqs:ReceiveMessage", "sqs:DeleteMessage"]);
        assert_eq!(asked(&replaying(&deployment.pairs[0])), ["sqs:SendMessage", "sqs:GetQueueAttributes"]);
        deployment.pairs[0].custody = false;
        assert!(indexing(&deployment.pairs[0]).is_empty());
    }

    #[test]
    fn a_role_is_not_proven_unable_where_the_queue_itself_may_allow_it() {
        let mut deployment = foreign();
        let judged = |pair: &ExaminedPair, decision| {
            let resource = pair.source.arn.clone();
            Permission::judged("sqs:DeleteMessage".to_owned(), resource, decision, pair).allowed
        };
        let pair = &mut deployment.pairs[0];
        assert_eq!(judged(pair, Decision::Allowed), Ok(true));
        assert_eq!(judged(pair, Decision::NotAllowed), Ok(false), "its policy only denies");
        let role = json!({"AWS": "arn:aws:iam::123456789012:role/consumer"});
        let allow = json!({"Statement": [{"Effect": "Allow", "Principal": role, "Action": "sqs:*"}]});
        pair.source.attributes.as_mut().unwrap().policy = Some(PolicyDocument::parse(&allow.to_string()));
        assert!(judged(pair, Decision::NotAllowed).is_err());
        assert_eq!(judged(pair, Decision::Denied), Ok(false));
        pair.source.attributes = Err(Unread::Absent);
        assert!(judged(pair, Decision::NotAllowed).is_err());
    }
}
