//! Letters moved along their edges: read, decide, put if nothing changed, and decide again if something did.

use redrive_core::letters::letter::{Letter, LetterWrite};
use redrive_core::ports::{Letters, Unavailable, WriteError};
use tracing::warn;

use crate::rounds::ROUNDS;

/// Moves a letter along an edge, deciding again where it changed meanwhile. `None` if the edge does not start where
/// the letter stands.
pub(crate) async fn change<T: Letters>(
    table: &T,
    letter: Letter,
    edge: impl Fn(&Letter) -> Option<Letter>,
) -> Result<Option<Letter>, Unavailable> {
    change_all(table, vec![(letter, edge)]).await.pop().unwrap_or(Ok(None))
}

/// Moves many letters, each along an edge of its own, in as few calls as that takes. One answer for each, in order.
pub(crate) async fn change_all<T: Letters, E>(
    table: &T,
    letters: Vec<(Letter, E)>,
) -> Vec<Result<Option<Letter>, Unavailable>>
where
    E: Fn(&Letter) -> Option<Letter>,
{
    let mut answers = vec![Ok(None); letters.len()];
    let mut open: Vec<_> = letters.into_iter().enumerate().collect();
    for _ in 0..ROUNDS {
        let (mut edges, mut writes) = (Vec::new(), Vec::new());
        for (place, (found, edge)) in open {
            let Some(next) = edge(&found) else { continue };
            writes.push(LetterWrite::change(next));
            edges.push((place, edge));
        }
        if writes.is_empty() {
            break;
        }
        open = Vec::new();
        let written = table.write(writes.clone()).await;
        for (((place, edge), LetterWrite { letter: next, .. }), written) in edges.into_iter().zip(writes).zip(written) {
            match written {
                Ok(()) => answers[place] = Ok(Some(next)),
                // A lost answer: what is found is what was written.
                Err(WriteError::Condition(Some(now))) if *now == next => answers[place] = Ok(Some(next)),
                Err(WriteError::Condition(Some(now))) => open.push((place, (*now, edge))),
                Err(WriteError::Condition(None)) => {}
                Err(WriteError::Unavailable(error)) => {
                    warn!(letter_id = %next.id, %error, "letter was not written");
                    answers[place] = Err(error);
                }
            }
        }
    }
    answers
}
