//! Letters that a person sent to another queue.

use super::*;

#[test]
fn a_number_that_went_to_another_queue_is_a_forgery_in_the_letters_own() {
    let (_, mut letter, redrive) = sent();
    let dead = message("m-3", 1, BODY, Some(&redrive));
    let found = |letter: &Letter| Findings { named: Some(letter.clone()), ..Findings::default() };
    assert_eq!(changed(&dead, &found(&letter)).id, letter.id);
    letter.sends[0].to = QueueArn::new("arn:aws:sqs:us-east-1:1:refunds");
    assert_ne!(created(&dead, &found(&letter)).id, letter.id, "it went without the attribute");
}
