use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// A call that counts how often it happened.
async fn call(faults: &Faults, happened: &Arc<AtomicU32>) -> bool {
    let happened = Arc::clone(happened);
    faults.call("service", "act", move |_| happened.fetch_add(1, Ordering::Relaxed)).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn each_call_fault_is_what_it_says() {
    let late = CallFault::Late(Duration::from_secs(9));
    for (call_fault, answered, at_once, in_the_end) in [
        (CallFault::Refused, true, 0, 0),
        (CallFault::LostAnswer, true, 1, 1),
        (late, true, 0, 1),
        (CallFault::Twice, true, 2, 2),
        (CallFault::CrashBefore, false, 0, 0),
        (CallFault::CrashAfter, false, 1, 1),
    ] {
        let faults = Faults::script([(0, call_fault)]).with_latency(Duration::from_millis(5));
        let happened = Arc::new(AtomicU32::new(0));
        let process = faults.of("process");
        let answer = tokio::time::timeout(Duration::from_secs(1), call(&process, &happened)).await;
        assert_eq!(answer.is_ok(), answered, "{call_fault:?}");
        assert_eq!(answer.unwrap_or(false), call_fault == CallFault::Twice, "{call_fault:?}");
        assert_eq!(happened.load(Ordering::Relaxed), at_once, "{call_fault:?}");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(happened.load(Ordering::Relaxed), in_the_end, "{call_fault:?}");
        assert_eq!(process.is_dead(), !answered, "{call_fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_process_gets_no_answer_any_more_and_another_does() {
    let faults = Faults::script([(0, CallFault::CrashBefore)]);
    let (one, other) = (faults.of("one"), faults.of("other"));
    let happened = Arc::new(AtomicU32::new(0));
    assert!(tokio::time::timeout(Duration::from_secs(1), call(&one, &happened)).await.is_err());
    assert!(tokio::time::timeout(Duration::from_secs(1), call(&one, &happened)).await.is_err());
    assert!(call(&other, &happened).await);
    one.died().await;
    assert_eq!((happened.load(Ordering::Relaxed), faults.calls().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_arrives_even_if_nobody_waits_for_its_answer() {
    let faults = Faults::none().with_latency(Duration::from_secs(2));
    let happened = Arc::new(AtomicU32::new(0));
    assert!(tokio::time::timeout(Duration::from_secs(1), call(&faults, &happened)).await.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(happened.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_is_the_same_for_the_same_seed_and_ends() {
    let story = async |seed| {
        let faults = Faults::random(seed, Chances { calm_after: Duration::from_secs(60), ..Chances::rough() });
        let happened = Arc::new(AtomicU32::new(0));
        for n in 0..200 {
            let process = faults.of(&format!("process-{n}"));
            let _ = tokio::time::timeout(Duration::from_secs(120), call(&process, &happened)).await;
        }
        faults.journal().story()
    };
    let (one, again, other) = (story(1).await, story(1).await, story(2).await);
    assert!(one.contains("!!") && one != other);
    assert_eq!(one, again);
}
