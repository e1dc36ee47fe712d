use super::*;
use crate::ids::LetterId;
use serde_json::json;

const ID: &str = "9f1b3c1e-8a51-5c65-9d3e-111111111111";

fn parse(input: &Value) -> Request {
    Request::parse(input).unwrap()
}

#[test]
fn a_patch_keeps_its_digits_as_a_list_in_the_payload_and_as_text() {
    let patch = r#"[{"op":"add","path":"/n","value":12345678901234567.89}]"#;
    let ids = r#""ids":["9f1b3c1e-8a51-5c65-9d3e-111111111111"],"by":"ann""#;
    let quoted = serde_json::Value::from(patch).to_string();
    for given in [patch, quoted.as_str()] {
        let request = Request::read(&format!(r#"{{"action":"replay","patch":{given},{ids},"allow_key_change":true}}"#));
        let Request::Replay { options, .. } = request.unwrap() else { panic!("{given}") };
        let Some(Edit::Patch(read)) = options.edit else { panic!("{given}") };
        assert!(read.as_str() == patch && options.allow_key_change);
        assert_eq!(
            Edit::Patch(read).apply("{}", crate::message::wrapping::Wrapping::None).unwrap(),
            r#"{"n":12345678901234567.89}"#
        );
    }
    let twice =
        format!(r#"{{"action":"job","patch":[{{"op":"add","path":"/n","value":{{"SECRET":1,"SECRET":2}}}}],{ids}}}"#);
    let told = Request::read(&twice).unwrap_err().to_string();
    assert!(told.contains("operation 1 of the patch has a name twice") && !told.contains("SECRET"), "{told}");
    assert!(Request::read("SECRET").is_err_and(|why| !why.to_string().contains("SECRET")));
}

#[test]
fn every_way_in_is_understood() {
    assert_eq!(parse(&json!({"redrive": "schedule"})), Request::Schedule);
    assert_eq!(parse(&json!({"redrive": "work"})), Request::Work);
    assert!(matches!(
        parse(&json!({"action": "replay", "ids": [ID, ID], "by": "ann"})),
        Request::Replay { selection: Selection::Ids(ids), options: ReplayOptions { forgotten_ok: false, .. }, .. } if ids.len() == 1
    ));
    assert!(matches!(
        parse(&json!({"action": "replay", "select": {"text": "CHF"}, "dry_run": true, "as_new": true})),
        Request::DryRun { options: ReplayOptions { as_new: true, .. }, .. }
    ));
    let remark = |action| json!({"action": action, "select": {"error_type": "SCHEMA"}, "note": "n", "by": "ann"});
    assert!(matches!(parse(&remark("discard")), Request::Discard(Remark { selection: Selection::Filter(_), .. })));
    assert!(matches!(parse(&remark("restore")), Request::Restore(_)));
    assert!(matches!(parse(&remark("note")), Request::Note(_)));
    assert!(matches!(parse(&remark("erase")), Request::Erase(_)));
    assert!(matches!(parse(&remark("free")), Request::Free(_)));
    for (action, change) in [("pause", Change::Pause), ("resume", Change::Resume), ("cancel", Change::Cancel)] {
        let asked = parse(&json!({"action": action, "job": ID, "by": "ann", "why": "lunch"}));
        assert!(matches!(asked, Request::Change { to, why: Some(_), .. } if to == change), "{action}");
    }
    assert!(matches!(parse(&json!({"action": "show", "job": ID, "from": 3})), Request::Show { from: 3, .. }));
    assert_eq!(parse(&json!({"action": "jobs"})), Request::Jobs { open: true });
    assert_eq!(parse(&json!({"action": "jobs", "closed": true})), Request::Jobs { open: false });
}

#[test]
fn a_job_takes_its_guard_and_has_the_documented_one_by_default() {
    let job = |input| match parse(&input) {
        Request::Job(job) => *job,
        other => panic!("{other:?}"),
    };
    let plain = job(json!({"action": "job", "select": {"fingerprint": "PERMANENT/currency"}, "by": "ann"}));
    assert_eq!((plain.guard, plain.id, plain.why), (Guard::default(), None, None));
    let guarded = job(json!({"action": "job", "ids": [ID], "by": "ann", "job": ID, "why": "fixed in 42", "canary": 0,
        "rate": 7, "max_failed_percent": 1, "max_backlog": null, "alarm": "errors", "outcome_seconds": 5}));
    let guard = Guard {
        canary: 0,
        rate: 7,
        max_failed_percent: 1,
        max_backlog: None,
        alarm: Some("errors".to_owned()),
        outcome_seconds: 5,
        ..Guard::default()
    };
    assert_eq!((guarded.guard, guarded.id), (guard, JobId::parse(ID)));
}

#[test]
fn another_queue_is_named_by_its_arn_and_what_is_none_is_not_quoted() {
    let arn = "arn:aws:sqs:us-east-1:1:refunds";
    for dry_run in [true, false] {
        let asked = parse(&json!({"action": "replay", "ids": [ID], "by": "ann", "to": arn, "dry_run": dry_run,
            "after_replayed": true}));
        let options = match asked {
            Request::Replay { options, .. } | Request::DryRun { options, .. } => options,
            other => panic!("{other:?}"),
        };
        assert_eq!((options.to.as_ref().map(QueueArn::as_str), options.after_replayed), (Some(arn), true));
    }
    let asked = parse(&json!({"action": "job", "ids": [ID], "by": "ann", "to": arn, "after_replayed": true}));
    assert!(matches!(asked, Request::Job(job) if job.to.is_some() && job.guard.after_replayed));
    for action in ["replay", "job"] {
        for to in [json!("s3cret"), json!("arn:aws:sns:us-east-1:1:s3cret"), json!(""), json!(7), json!(["s3cret"])] {
            let error = Request::parse(&json!({"action": action, "ids": [ID], "by": "ann", "to": to}));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("\"to\"") && !error.contains("s3cret"), "{error}");
        }
    }
    let error = Request::parse(&json!({"action": "discard", "ids": [ID], "by": "ann", "note": "n", "to": arn}));
    assert!(error.unwrap_err().to_string().contains("not known here"));
}

#[test]
fn an_input_that_is_not_understood_says_what_is_expected() {
    for input in [
        json!(null),
        json!(7),
        json!([]),
        json!({}),
        json!({"redrive": "everything"}),
        json!({"redrive": "schedule", "by": "ann"}),
        json!({"action": "forget", "ids": ["x"]}),
    ] {
        let error = Request::parse(&input).unwrap_err().to_string();
        assert!(error.contains("expected {\"redrive\":\"schedule\"}"), "{input}: {error}");
    }
    for (input, why) in [
        (json!({"action": "replay"}), "one of"),
        (json!({"action": "replay", "ids": [], "by": "ann"}), "empty"),
        (json!({"action": "replay", "ids": ["x"], "by": "ann"}), "UUID"),
        (json!({"action": "replay", "ids": [7], "by": "ann"}), "\"ids\""),
        (json!({"action": "replay", "select": {}, "by": "ann"}), "every letter"),
        (
            json!({"action": "replay", "select": {"error_typo": "SCHEMA"}, "by": "ann"}),
            "unknown field, expected one of `error_type`",
        ),
        (json!({"action": "replay", "select": {"since": "yesterday"}, "by": "ann"}), "RFC 3339"),
        (json!({"action": "replay", "select": {"error_type": "SCHEMA"}}), "who asks"),
        (json!({"action": "replay", "select": {"error_type": "SCHEMA"}, "ids": [ID], "by": "ann"}), "one of"),
        (json!({"action": "replay", "ids": [ID], "by": "ann", "note": "n"}), "not known here"),
        (json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "by": "ann"}), "note"),
        (json!({"action": "discard", "select": {"error_type": "SCHEMA"}, "note": " ", "by": "ann"}), "note"),
        (json!({"action": "note", "ids": [ID], "note": "x".repeat(1_025), "by": "ann"}), "1024 bytes"),
        (json!({"action": "job", "ids": [ID], "by": "ann", "canary": -1}), "invalid value"),
        (json!({"action": "job", "ids": [ID], "by": "ann", "rate": 0}), "messages a second"),
        (json!({"action": "job", "ids": [ID], "by": "ann", "job": "mine"}), "\"job\" is no UUID"),
        (json!({"action": "pause", "by": "ann"}), "\"job\" is no UUID"),
        (json!({"action": "pause", "job": ID}), "who asks"),
        (json!({"action": "show", "job": ID, "by": "ann"}), "not known here"),
    ] {
        let error = Request::parse(&input).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("; expected for \""), "{input}: {error}");
    }
    let many: Vec<_> = (0..=IDS).map(|n| format!("00000000-0000-0000-0000-{n:012}")).collect();
    let error = Request::parse(&json!({"action": "job", "ids": many, "by": "ann"})).unwrap_err().to_string();
    assert!(error.contains("1001 ids are more than a job takes"), "{error}");
}

#[test]
fn a_list_and_its_parts_are_understood_and_what_is_none_is_refused() {
    let queue = "arn:aws:sqs:eu-west-1:1:orders";
    let list = |letters: u32| json!({"source_topic": queue, "letters": letters});
    let job = |listed: serde_json::Value| json!({"action": "job", "listed": listed, "by": "ann"});
    let part =
        |letters: serde_json::Value| json!({"action": "add", "job": ID, "part": 2, "letters": letters, "by": "ann"});
    let Ok(Request::Job(new)) = Request::parse(&job(list(1_001))) else { panic!("a list is understood") };
    assert!(matches!(new.selection, Selection::Listed(list) if (list.letters, list.named) == (1_001, false)));
    let Ok(Request::AddToList { part: 2, letters, .. }) = Request::parse(&part(json!([[ID, 7]]))) else {
        panic!("a part is understood")
    };
    assert_eq!(letters, [(LetterId::parse(ID).unwrap(), 7)]);
    let mut both = job(list(1));
    both["shown"] = json!({ID: 7});
    let too_many: Vec<_> = (0..=LIST_PART).map(|n| json!([format!("00000000-0000-0000-0000-{n:012}"), 1])).collect();
    let mut unnumbered = part(json!([[ID, 7]]));
    unnumbered.as_object_mut().unwrap().remove("part");
    for (input, why) in [
        (job(list(0)), "1 to 1000000 letters"),
        (job(list(1_000_001)), "1 to 1000000 letters"),
        (job(json!({"source_topic": "orders", "letters": 1})), "no ARN of a queue"),
        (both, "not alone"),
        (part(json!([])), "1 to 500 letters"),
        (part(json!(too_many)), "1 to 500 letters"),
        (part(json!([["mine", 7]])), "not a UUID"),
        (unnumbered, "must number the part"),
        (json!({"action": "discard", "listed": list(1), "by": "ann", "note": "n"}), "not known here"),
    ] {
        let error = Request::parse(&input).unwrap_err().to_string();
        assert!(error.contains(why), "{input}: {error}");
    }
}

#[test]
fn a_selection_that_excludes_nothing_is_refused_like_an_empty_one() {
    for select in [
        json!({}),
        json!({"text": ""}),
        json!({"text": " "}),
        json!({"min_deaths": 0}),
        json!({"max_deaths": u32::MAX}),
        json!({"since": "1970-01-01T00:00:00Z"}),
        json!({"text": "x".repeat(500_000)}),
        json!({"fingerprint": "x".repeat(2_049)}),
    ] {
        for action in ["replay", "job", "eject", "discard", "restore", "note", "erase"] {
            let mut input = json!({"action": action, "select": select, "by": "ann"});
            if ["discard", "restore", "note", "erase"].contains(&action) {
                input["note"] = json!("n");
            }
            let error = Request::parse(&input).unwrap_err().to_string();
            assert!(error.contains("\"select\"") && error.len() < 2_000, "{action}: {}", error.len());
        }
    }
}

#[test]
fn letters_are_selected_with_the_versions_in_which_they_were_shown() {
    let asked = |shown: Value| json!({"action": "discard", "shown": shown, "note": "n", "by": "ann"});
    let Request::Discard(remark) = Request::parse(&asked(json!({ID: 3}))).unwrap() else { panic!("no discard") };
    let Selection::Shown(shown) = remark.selection else { panic!("not shown") };
    assert_eq!(
        (shown.letters.into_iter().collect::<Vec<_>>(), shown.named),
        (vec![(LetterId::parse(ID).unwrap(), 3)], false)
    );
    let mut named = asked(json!({ID: 3}));
    named["named"] = json!(true);
    assert!(Request::parse(&named).unwrap().selection().unwrap().is_named());
    for (field, value) in [("ids", json!([ID])), ("select", json!({"error_code": "c"}))] {
        let mut both = asked(json!({ID: 3}));
        both[field] = value;
        assert!(Request::parse(&both).is_err(), "{field}");
    }
    for wrong in [json!({}), json!({"x": 1}), json!({ID: -1}), json!([ID]), json!({ID: "3"})] {
        assert!(Request::parse(&asked(wrong.clone())).is_err(), "{wrong}");
    }
}
