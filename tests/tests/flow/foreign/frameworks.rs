//! Messages of other frameworks, and such whose bodies stand in S3: seen through, warned about, and sent back exactly.

use redrive_core::letters::letter::Letter;
use redrive_core::message::envelope::{Attribute, AttributeValue, Attributes};
use redrive_core::replay::{Edit, Filter, ReplayOptions, Request, Selection};
use redrive_engine::ReplayReport;
use serde_json::json;

use crate::house::{House, Pair};

/// As Celery 5.7 sends it through kombu: task `shop.charge` with id f5678688-..., without a time.
const CELERY: &str = "eyJib2R5IjogIlcxc2lieTB4SWwwc0lIdDlMQ0I3SW1OaGJHeGlZV05yY3lJNklHNTFiR3dzSUNKbGNuSmlZV05yY3lJNklHNTFiR3dzSUNKamFHRnBiaUk2SUc1MWJHd3NJQ0pqYUc5eVpDSTZJRzUxYkd4OVhRPT0iLCAiY29udGVudC1lbmNvZGluZyI6ICJ1dGYtOCIsICJjb250ZW50LXR5cGUiOiAiYXBwbGljYXRpb24vanNvbiIsICJoZWFkZXJzIjogeyJsYW5nIjogInB5IiwgInRhc2siOiAic2hvcC5jaGFyZ2UiLCAiaWQiOiAiZjU2Nzg2ODgtYzRkZC00OTY1LWFiZjItNGY2M2RjYTQyMjFhIiwgInNoYWRvdyI6IG51bGwsICJldGEiOiBudWxsLCAiZXhwaXJlcyI6IG51bGwsICJncm91cCI6IG51bGwsICJncm91cF9pbmRleCI6IG51bGwsICJyZXRyaWVzIjogMCwgInRpbWVsaW1pdCI6IFtudWxsLCBudWxsXSwgInJvb3RfaWQiOiAiZjU2Nzg2ODgtYzRkZC00OTY1LWFiZjItNGY2M2RjYTQyMjFhIiwgInBhcmVudF9pZCI6IG51bGwsICJhcmdzcmVwciI6ICIoJ28tMScsKSIsICJrd2FyZ3NyZXByIjogInt9IiwgIm9yaWdpbiI6ICJnZW4yMjAxMkB2bSIsICJpZ25vcmVfcmVzdWx0IjogZmFsc2UsICJyZXBsYWNlZF90YXNrX25lc3RpbmciOiAwLCAic3RhbXBlZF9oZWFkZXJzIjogbnVsbCwgInN0YW1wcyI6IHt9fSwgInByb3BlcnRpZXMiOiB7ImNvcnJlbGF0aW9uX2lkIjogImY1Njc4Njg4LWM0ZGQtNDk2NS1hYmYyLTRmNjNkY2E0MjIxYSIsICJyZXBseV90byI6ICI2N2IwMzQ1YS1lZjAyLTMzYWEtYmQyYy1kMWE1MjY3ZGYwZGQiLCAiZGVsaXZlcnlfbW9kZSI6IDIsICJkZWxpdmVyeV9pbmZvIjogeyJleGNoYW5nZSI6ICIiLCAicm91dGluZ19rZXkiOiAidGFza3MifSwgInByaW9yaXR5IjogMCwgImJvZHlfZW5jb2RpbmciOiAiYmFzZTY0IiwgImRlbGl2ZXJ5X3RhZyI6ICIxOWVjYWE2Yy00M2Q3LTRkMzgtYWRiNS03YWJhNzI3NjdiM2IifX0=";

/// The same framework's message, as plain JSON, to be run until then.
fn task(name: &str, expires: &str) -> String {
    json!({"body": "W1tdLCB7fSwge31d", "content-type": "application/json", "headers": {"task": name, "id": "t-1", "eta": null, "expires": expires},
        "properties": {"body_encoding": "base64"}})
    .to_string()
}

async fn dead_of(bodies: &[(&str, Attributes)]) -> House {
    let house = House::new(vec![Pair::new("tasks").without_ledger()]);
    for (body, attributes) in bodies {
        house.pairs[0].main.send((*body).to_owned(), attributes.clone());
    }
    house.pairs[0].dies().await;
    house.drain().await;
    house
}

async fn ask(house: &House, selection: Selection, edit: Option<Edit>, dry: bool) -> ReplayReport {
    let options = ReplayOptions { edit, ..ReplayOptions::default() };
    let request = match dry {
        true => Request::DryRun { selection, options },
        false => Request::Replay { selection, by: "ann".to_owned(), options },
    };
    house.ask(&request).await.unwrap().together()
}

fn by_text(text: &str) -> Selection {
    Selection::Filter(Filter { text: Some(text.to_owned()), ..Filter::default() })
}

fn one(letter: &Letter) -> Selection {
    Selection::Ids(vec![letter.id])
}

#[tokio::test(start_paused = true)]
async fn tasks_of_different_names_are_different_causes_are_found_by_name_and_id_and_sent_back_exactly() {
    let refund = task("shop.refund", "2099-01-01T00:00:00+00:00");
    let house = dead_of(&[(CELERY, [].into()), (&refund, [].into()), ("{\"order_id\":\"o-1\"}", [].into())]).await;
    let mut causes: Vec<_> = house.letters_of(0).into_iter().map(|letter| letter.fingerprint).collect();
    causes.sort_unstable();
    assert_eq!(causes, ["UNKNOWN/no-reason", "UNKNOWN/no-reason:shop.charge", "UNKNOWN/no-reason:shop.refund"]);
    for text in ["shop.charge", "F5678688-c4dd", "celery shop.ch"] {
        assert_eq!(ask(&house, by_text(text), None, true).await.would_send, 1, "{text}");
    }
    let report = ask(&house, by_text("shop.charge"), None, false).await;
    assert_eq!((report.sent, report.expired_tasks, report.in_s3), (1, 0, 0));
    assert_eq!(house.pairs[0].main.messages()[0].body, CELERY);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_its_worker_would_drop_is_told_of_before_it_is_sent_and_when_it_is() {
    let (late, early) = (task("shop.charge", "2001-01-01T00:00:00+00:00"), task("shop.charge", "2999-01-01T00:00:00"));
    let house = dead_of(&[(&late, [].into()), (&early, [].into())]).await;
    for dry in [true, false] {
        let report = ask(&house, by_text("shop.charge"), None, dry).await;
        assert_eq!((report.would_send + report.sent, report.expired_tasks), (2, 1), "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_in_s3_is_kept_exactly_warned_about_and_not_edited() {
    for (class, name) in [
        ("software.amazon.payloadoffloading.PayloadS3Pointer", "ExtendedPayloadSize"),
        ("com.amazon.sqs.javamessaging.MessageS3Pointer", "SQSLargePayloadSize"),
    ] {
        let body = format!(r#"["{class}",{{"s3BucketName":"large","s3Key":"8b79b963"}}]"#);
        let size = Attribute { data_type: "Number".to_owned(), value: AttributeValue::Text("4194336".to_owned()) };
        let house = dead_of(&[(&body, [(name.to_owned(), size.clone())].into())]).await;
        let letter = house.letters_of(0).remove(0);
        let patch = serde_json::from_value(json!([{"op": "replace", "path": "/1/s3Key", "value": "x"}])).unwrap();
        for edit in [Edit::Body("{\"order_id\":\"o-1\"}".to_owned()), Edit::Patch(patch)] {
            for dry in [true, false] {
                let report = ask(&house, one(&letter), Some(edit.clone()), dry).await;
                assert_eq!((report.edit_failed, report.sent), (1, 0), "{report:?}");
                assert!(report.refused_edits[0].why.contains("S3"), "{report:?}");
            }
        }
        assert_eq!(ask(&house, one(&letter), None, true).await.in_s3, 1);
        let report = ask(&house, one(&letter), None, false).await;
        assert_eq!((report.sent, report.in_s3), (1, 1));
        let sent = house.pairs[0].main.messages().remove(0);
        assert_eq!((sent.body.as_str(), sent.attributes.get(name)), (body.as_str(), Some(&size)));
    }
}
