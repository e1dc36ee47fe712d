use super::*;

fn policy() -> Policy {
    Policy {
        rules: Vec::new(),
        cool_down: Duration::from_secs(10),
        max_deaths: 3,
        resolved_retention: Duration::from_secs(1),
        body_retention: Duration::from_secs(1),
        outcome_after: Duration::from_secs(1),
    }
}

fn reason(error_type: ErrorType, code: &str) -> Reason {
    let at = Timestamp::from_millis(0);
    Reason {
        error_type,
        error_code: Some(code.to_owned()),
        error_message: String::new(),
        attempt_count: 1,
        first_failed_at: at,
        last_failed_at: at,
        attempts: Vec::new(),
    }
}

fn due(policy: &Policy, reason: &Reason, deaths: u32) -> Option<u64> {
    let due = policy.due(reason, deaths, Timestamp::from_millis(0));
    (due != Timestamp::NEVER).then(|| due.as_secs())
}

#[test]
fn what_may_pass_by_itself_rests_longer_with_each_death_and_then_waits_for_a_person() {
    let by_default = |error_type| [1, 2, 3, 4].map(|deaths| due(&policy(), &reason(error_type, "c"), deaths));
    for error_type in [ErrorType::Transient, ErrorType::Timeout] {
        assert_eq!(by_default(error_type), [Some(10), Some(20), Some(40), None]);
    }
    assert_eq!(by_default(ErrorType::NeverRan), [Some(0), Some(10), Some(20), None]);
}

#[test]
fn what_will_not_pass_by_itself_always_waits_for_a_person() {
    for error_type in [ErrorType::Permanent, ErrorType::Schema, ErrorType::Unknown] {
        assert_eq!(due(&policy(), &reason(error_type, "c"), 1), None);
        assert_eq!(policy().verdict(&reason(error_type, "c")), Verdict::Ask);
    }
}

#[test]
fn a_rule_means_a_code_by_its_former_name_too() {
    for (wanted, code) in [
        ("too-many-lives", "too-many-enqueues"),
        ("too-many-enqueues", "too-many-lives"),
        ("too-many-l*", "too-many-enqueues"),
    ] {
        let rules = format!(r#"[{{"match": {{"error_code": "{wanted}"}}, "replay": "never"}}]"#);
        let policy = policy().with_rules(&rules).unwrap();
        assert_eq!(policy.verdict(&reason(ErrorType::Permanent, code)), Verdict::Never, "{wanted} {code}");
        assert_eq!(policy.verdict(&reason(ErrorType::Permanent, "too-many")), Verdict::Ask, "{wanted}");
    }
}

#[test]
fn the_first_rule_that_fits_decides_and_the_default_decides_the_rest() {
    let rules = r#"[
        {"match": {"error_type": "TRANSIENT", "error_code": "db-*"}, "replay": "auto", "cool_down_seconds": 60, "max_deaths": 2},
        {"match": {"fingerprint": "PERMANENT/limit"}, "replay": "auto"},
        {"match": {"error_type": "TRANSIENT"}, "replay": "ask"},
        {"match": {"error_code": "currency"}, "replay": "never"}
    ]"#;
    let policy = policy().with_rules(rules).unwrap();
    let deaths = |error_type, code| [1, 2, 3].map(|deaths| due(&policy, &reason(error_type, code), deaths));
    assert_eq!(deaths(ErrorType::Transient, "db-lock"), [Some(60), Some(120), None]);
    assert_eq!(deaths(ErrorType::Permanent, "limit"), [Some(10), Some(20), Some(40)]);
    assert_eq!(deaths(ErrorType::Permanent, "limits"), [None; 3], "a text without a star is the whole text");
    assert_eq!(deaths(ErrorType::Transient, "other"), [None; 3]);
    assert_eq!(policy.verdict(&reason(ErrorType::Permanent, "currency")), Verdict::Never);
    assert_eq!(deaths(ErrorType::Timeout, "slow"), [Some(10), Some(20), Some(40)], "the default");
}

#[test]
fn a_policy_that_is_wrong_is_refused_at_its_place_with_what_is_allowed() {
    for (rules, place, allowed) in [
        ("", "", "a JSON list"),
        ("{}", "", "a JSON list"),
        ("[7]", "/0", "match, replay"),
        (r#"[{"match":{},"replay":"ask"},{"match":{},"replay":"ask","after":1}]"#, "/1/after", "cool_down_seconds"),
        (r#"[{"match":{},"replay":"ask","a/b~":1}]"#, "/0/a~1b~0", "cool_down_seconds"),
        (r#"[{"replay":"ask"}]"#, "/0", "{} fits every letter"),
        (r#"[{"match":[],"replay":"ask"}]"#, "/0/match", "error_type"),
        (r#"[{"match":{"error_typo":"SCHEMA"},"replay":"ask"}]"#, "/0/match/error_typo", "error_type"),
        (r#"[{"match":{"error_type":"FATAL"},"replay":"ask"}]"#, "/0/match/error_type", "NEVER_RAN"),
        (r#"[{"match":{"error_code":""},"replay":"ask"}]"#, "/0/match/error_code", "a text"),
        (r#"[{"match":{"error_code":"a*b"},"replay":"ask"}]"#, "/0/match/error_code", "at the end"),
        (r#"[{"match":{"fingerprint":7},"replay":"ask"}]"#, "/0/match/fingerprint", "a text"),
        (r#"[{"match":{}}]"#, "/0/replay", "never, ask or auto"),
        (r#"[{"match":{},"replay":"always"}]"#, "/0/replay", "never, ask or auto"),
        (r#"[{"match":{},"replay":"auto","cool_down_seconds":0}]"#, "/0/cool_down_seconds", "from 1 to"),
        (r#"[{"match":{},"replay":"auto","max_deaths":101}]"#, "/0/max_deaths", "from 1 to 100"),
        (r#"[{"match":{},"replay":"never","max_deaths":1}]"#, "/0/max_deaths", "auto"),
    ] {
        let error = policy().with_rules(rules).unwrap_err();
        assert_eq!(error.place, place, "{rules}");
        let told = error.to_string();
        assert!(error.allowed.contains(allowed) && told.contains(allowed), "{rules}: {told}");
    }
}
