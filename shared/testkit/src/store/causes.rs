use redrive_core::ids::{LetterId, QueueArn};
use redrive_core::letters::cause::{Cause, Recorded};
use redrive_core::ports::{Causes, Unavailable};
use redrive_core::time::Timestamp;

use super::THROTTLED;
use super::letters::{ModelLetters, SERVICE};
use crate::lock;

const ACTION: &str = "write causes";

impl ModelLetters {
    fn add(&self, sighting: &Cause, now: Timestamp) -> Recorded {
        let mut table = lock(&self.table);
        let key = (sighting.source.clone(), sighting.fingerprint.clone());
        let known = table.causes.remove(&key).filter(|known| !known.expired(now));
        let sighted = if known.is_some() { Recorded::Known } else { Recorded::New };
        let cause = known.map_or_else(|| sighting.clone(), |known| known.with(sighting.clone()));
        table.causes.insert(key, cause);
        sighted
    }
}

impl Causes for ModelLetters {
    async fn record(&self, sightings: Vec<Cause>, now: Timestamp) -> Vec<Result<Recorded, Unavailable>> {
        let (letters, recorded) = (self.clone(), sightings.clone());
        let answers = self.faults.call(SERVICE, ACTION, move |trouble| {
            let one = |(index, sighting): (usize, &Cause)| {
                let refused = Unavailable { service: SERVICE, action: ACTION, why: THROTTLED.to_owned() };
                if trouble.refuses(index) { Err(refused) } else { Ok(letters.add(sighting, now)) }
            };
            recorded.iter().enumerate().map(one).collect::<Vec<_>>()
        });
        answers.await.unwrap_or_else(|error| sightings.iter().map(|_| Err(error.clone())).collect())
    }

    async fn erase_example(&self, source: &QueueArn, fingerprint: &str, letter: LetterId) -> Result<(), Unavailable> {
        let (letters, key) = (self.clone(), (source.clone(), fingerprint.to_owned()));
        let erase = move |_| {
            let mut table = lock(&letters.table);
            if let Some(cause) = table.causes.remove(&key) {
                table.causes.insert(key.clone(), cause.without_text_of(letter));
            }
        };
        self.faults.call(SERVICE, "erase an example", erase).await
    }

    async fn causes(
        &self,
        source: &QueueArn,
        after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Cause>, bool), Unavailable> {
        let list = || {
            let table = lock(&self.table);
            let all = table.causes.iter().filter(|((from, _), _)| from == source).map(|(_, cause)| cause);
            let rest = all.filter(|cause| after.as_ref().is_none_or(|after| cause.fingerprint > *after));
            let rest: Vec<_> = rest.cloned().collect();
            (rest.iter().take(limit).cloned().collect(), rest.len() > limit)
        };
        self.faults.ask(SERVICE, "list causes", list).await
    }
}
