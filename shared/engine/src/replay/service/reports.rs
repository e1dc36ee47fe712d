use crate::replay::report::ReplayReport;

/// Reports of one run, by queue pair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// Reports of the pairs, in their order.
    pub pairs: Vec<ReplayReport>,
    /// Report of what is of no pair.
    pub rest: ReplayReport,
}

impl Reports {
    /// Reports of a run that has done nothing yet.
    pub(super) fn none(pairs: usize) -> Self {
        Self { pairs: vec![ReplayReport::default(); pairs], rest: ReplayReport::default() }
    }

    /// All of them as one.
    #[must_use]
    pub fn together(&self) -> ReplayReport {
        self.pairs.iter().fold(self.rest.clone(), ReplayReport::and)
    }

    /// Report of a pair, or of what is of none.
    pub(super) fn of(&mut self, place: Option<usize>) -> &mut ReplayReport {
        match place.and_then(|place| self.pairs.get_mut(place)) {
            Some(report) => report,
            None => &mut self.rest,
        }
    }

    /// Report of what concerns jobs, whichever pair's: the only one's, if there is but one.
    pub(super) fn of_jobs(&mut self) -> &mut ReplayReport {
        match self.pairs.as_mut_slice() {
            [only] => only,
            _ => &mut self.rest,
        }
    }

    /// Adds other reports of the same pairs.
    pub(super) fn add(&mut self, other: &Self) {
        self.rest.add(&other.rest);
        self.pairs.iter_mut().zip(&other.pairs).for_each(|(mine, theirs)| mine.add(theirs));
    }
}
