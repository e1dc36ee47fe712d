//! Permissions of the functions' roles, as IAM's simulator tells.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_iam::types::PolicyEvaluationDecisionType as DecisionType;
use redrive_doctor::{Decision, ExaminedPair, Fact, Function, Installation, Permission, Unread};

use super::unread;

/// Function that lists the actions and ARNs that a role needs for a pair.
type Needed = fn(&ExaminedPair) -> Vec<(String, String)>;

/// Reader of what roles may do.
#[derive(Debug)]
pub(super) struct RoleReader {
    iam: aws_sdk_iam::Client,
}

impl RoleReader {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { iam: aws_sdk_iam::Client::new(config) }
    }

    /// Asks about the roles of all consumers.
    pub(super) async fn ask_consumers(&self, pairs: &mut [ExaminedPair]) {
        for pair in pairs {
            let Ok(consumers) = &pair.consumers else { continue };
            let mut answers = Vec::new();
            for consumer in consumers {
                answers
                    .push(self.permissions(&consumer.function, pair, redrive_doctor::consuming(pair, consumer)).await);
            }
            for (consumer, answer) in pair.consumers.iter_mut().flatten().zip(answers) {
                consumer.function.permissions = answer;
            }
        }
    }

    /// Asks about the roles of indexer and replay.
    pub(super) async fn ask_ours(&self, ours: &mut Installation, pairs: &[&ExaminedPair]) {
        let needs: [(&mut Function, Needed); 2] =
            [(&mut ours.indexer, redrive_doctor::indexing), (&mut ours.replay, redrive_doctor::replaying)];
        for (function, needed) in needs {
            let mut all = Vec::new();
            for pair in pairs {
                match self.permissions(function, pair, needed(pair)).await {
                    Ok(answers) => all.extend(answers),
                    Err(why) => {
                        function.permissions = Err(why);
                        break;
                    }
                }
            }
            if function.permissions.is_ok() {
                function.permissions = Ok(all);
            }
        }
    }

    async fn permissions(
        &self,
        function: &Function,
        pair: &ExaminedPair,
        needed: Vec<(String, String)>,
    ) -> Fact<Vec<Permission>> {
        let role = &function.settings.as_ref().map_err(Clone::clone)?.role;
        let mut by_resource: BTreeMap<String, Vec<String>> = BTreeMap::new();
        needed.into_iter().for_each(|(action, resource)| by_resource.entry(resource).or_default().push(action));
        let mut permissions = Vec::new();
        for (resource, actions) in by_resource {
            let call = self.iam.simulate_principal_policy().policy_source_arn(role).resource_arns(&resource);
            let call = call.set_action_names(Some(actions.clone())).send().await;
            let results = call.map_err(|error| unread("iam:SimulatePrincipalPolicy", &error))?.evaluation_results;
            let results = results.unwrap_or_default();
            for action in actions {
                let result = results.iter().find(|result| result.eval_action_name == action);
                let decision = match result.map(|result| &result.eval_decision) {
                    Some(DecisionType::Allowed) => Decision::Allowed,
                    Some(DecisionType::ImplicitDeny) => Decision::NotAllowed,
                    Some(DecisionType::ExplicitDeny) => Decision::Denied,
                    _ => {
                        return Err(Unread::Because(
                            "iam:SimulatePrincipalPolicy: no decision in its answer".to_owned(),
                        ));
                    }
                };
                permissions.push(Permission::judged(action, resource.clone(), decision, pair));
            }
        }
        Ok(permissions)
    }
}
