//! A replay's way with one letter: claim, send, mark. One send a message: what comes of it is the question here.

use std::time::Duration;

use redrive_core::ids::OwnerToken;
use redrive_core::letters::edges::{self, ClaimTerms};
use redrive_core::letters::letter::Letter;

use crate::decisions::NOW;
use crate::state::{Message, Place, REPLAYED, Replay, SENT, State, Who, letter_of};
use crate::world::{Action, World};

const TOKEN: OwnerToken = OwnerToken::from_random(1_000);

impl World {
    pub(crate) fn replay_actions(&self, s: &State, out: &mut Vec<Action>) {
        match s.replay {
            Replay::Idle => {
                for message in 0..s.messages.len() {
                    let indexed =
                        s.messages[message].place == Place::Indexed && s.messages[message].enqueue != REPLAYED;
                    if s.left.replays > 0 && indexed && self.claimed_letter(s, message).is_some() {
                        out.push(Action::ReplayClaim(message));
                    }
                }
                return;
            }
            Replay::Send { .. } => out.push(Action::ReplaySend),
            Replay::Mark { .. } => out.push(Action::ReplayMark),
        }
        if s.left.crashes > 0 {
            out.push(Action::ReplayCrash);
        }
    }

    /// A message's letter as a replay would claim it.
    fn claimed_letter(&self, s: &State, message: usize) -> Option<Letter> {
        let letter = self.core.letters.get(s.letters[letter_of(Who::new(message, SENT))])?;
        edges::claim(&letter, TOKEN, ClaimTerms::default(), "replay", Duration::from_secs(10), NOW).ok()
    }

    pub(crate) fn replay(&self, s: &mut State, action: Action) {
        match (action, s.replay) {
            (Action::ReplayClaim(message), _) => {
                s.left.replays -= 1;
                if let Some(letter) = self.claimed_letter(s, message) {
                    let put = self.core.letter_put(letter, false);
                    self.write_letter(s, put);
                    s.replay = Replay::Send { message: u8::try_from(message).expect("few messages") };
                }
            }
            (Action::ReplaySend, Replay::Send { message }) => {
                s.messages[usize::from(message)] = Message { place: Place::Main, enqueue: REPLAYED, receives: 0 };
                s.replay = Replay::Mark { message };
            }
            (Action::ReplayMark, Replay::Mark { message }) => {
                let who = Who::new(usize::from(message), REPLAYED);
                let sent = self.core.seen(who).envelope.message_id.clone();
                let letter = self.core.letters.get(s.letters[letter_of(Who::new(who.message(), SENT))]);
                let number = redrive_core::ids::ReplayNumber(1);
                let marked = letter.and_then(|letter| {
                    edges::mark_sent(&letter, (TOKEN, number), sent, "replay", &self.core.policy, NOW).ok()
                });
                if let Some(letter) = marked {
                    let put = self.core.letter_put(letter, false);
                    self.write_letter(s, put);
                }
                s.replay = Replay::Idle;
            }
            _ => {
                s.left.crashes -= 1;
                s.replay = Replay::Idle;
            }
        }
    }
}
