//! Requests of administrators, as the replay function refuses them.

use serde_json::{Value, json};

use super::fake::{World, log_lines};
use super::{SETTINGS, TIME, refusal};

#[test]
fn the_replay_function_refuses_what_is_an_administrators_and_asks_nothing_of_aws() {
    let id = "9f1b3c1e-8a51-5c65-9d3e-111111111111";
    let remark = |action: &str| json!({"action": action, "ids": [id], "note": "why", "by": "ann"});
    let patch = json!([{"op": "replace", "path": "/currency", "value": "SECRET"}]);
    let edited =
        |action: &str, what: &str, edit: &Value| json!({"action": action, "ids": [id], "by": "ann", what: edit});
    let requests = [
        (remark("erase"), "erase"),
        (remark("free"), "free"),
        (json!({"action": "eject", "ids": [id], "by": "ann"}), "eject"),
        (edited("replay", "edit", &json!("SECRET")), "edit"),
        (edited("replay", "patch", &patch), "edit"),
        (edited("job", "edit", &json!("SECRET")), "job"),
        (edited("job", "patch", &patch), "job"),
        (json!({"action": "add", "job": id, "part": 0, "letters": [[id, 3]], "edited": true, "by": "ann"}), "add"),
    ];
    let mut settings = SETTINGS.to_vec();
    settings.extend([("AWS_LAMBDA_LOG_LEVEL", "ERROR"), ("ALLOWED_ACTIONS", "replay")]);
    let world = World::start();
    let output = world.run("replay", &settings, |world| {
        for (request, _) in &requests {
            let answer = world.invoke(request, TIME);
            assert_eq!(refusal(&answer), ("response", Some("NotAllowedHere")), "{request}");
            let why = answer.1["refused"].as_str().unwrap();
            assert!(why.contains("ALLOWED_ACTIONS") && why.contains("AdministrationFunctionName"), "{why}");
        }
        assert_eq!(world.calls(), 0, "nothing is touched, or even read");
        // What operators may do is done by the same function, and so is trying a patch.
        let mut dry = edited("replay", "patch", &patch);
        dry["dry_run"] = json!(true);
        for allowed in [remark("discard"), dry] {
            let (end, answer) = world.invoke(&allowed, TIME);
            assert_eq!((end.as_str(), &answer["not_found"]), ("response", &json!(1)), "{answer}");
        }
        assert!(world.calls() > 0);
    });
    let lines: Vec<_> = log_lines(&output).into_iter().filter(|line| line["target"] == "redrive::audit").collect();
    let (refused, done): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["refused"].is_string());
    let actions: Vec<_> = refused.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, requests.each_ref().map(|(_, action)| *action), "each refusal is one line: {lines:?}");
    assert!(
        refused.iter().all(|line| line["by"] == "ann" && line["message"].as_str().unwrap().contains("was refused"))
    );
    assert_eq!(refused[0]["why"], "why");
    assert!(done.len() == 1 && done[0]["action"] == "discard", "{done:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("SECRET"), "no body is logged");
}
