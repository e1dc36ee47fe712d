//! Batches: what goes together into one call of SQS.

/// SQS's limits of a batch: entries, and their bytes together.
pub(crate) const ENTRIES: usize = 10;
const BYTES: usize = 1024 * 1024;

/// Splits into batches, in order; one that is too large by itself goes alone, for SQS to refuse.
pub(crate) fn batches<T>(items: impl IntoIterator<Item = T>, bytes: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut filled = 0;
    for next in items {
        let size = bytes(&next);
        match batches.last_mut() {
            Some(batch) if batch.len() < ENTRIES && filled + size <= BYTES => {
                filled += size;
                batch.push(next);
            }
            _ => {
                filled = size;
                batches.push(vec![next]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_full_with_ten_entries_or_a_mebibyte() {
        let sizes = |items: Vec<usize>| batches(items, |size| *size).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![1; 25]), [10, 10, 5]);
        assert_eq!(sizes(vec![BYTES / 2, BYTES / 2, 1, BYTES + 1, 1]), [2, 1, 1, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
