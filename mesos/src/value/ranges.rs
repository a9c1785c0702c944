//! The arithmetic of ranges.

use super::{Range, Ranges};

impl FromIterator<(u64, u64)> for Ranges {
    /// From pairs of first and last integer.
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(pairs: I) -> Self {
        let range = pairs.into_iter().map(|(begin, end)| Range { begin, end }).collect();
        let mut ranges = Self { range };
        ranges.coalesce();
        ranges
    }
}

impl Ranges {
    /// Sorts the ranges and joins those that overlap or touch; drops inverted ones.
    pub fn coalesce(&mut self) {
        if self.is_coalesced() {
            return;
        }
        self.range.retain(|range| range.begin <= range.end);
        self.range.sort_unstable_by_key(|range| range.begin);
        let mut joined: Vec<Range> = Vec::with_capacity(self.range.len());
        for range in &self.range {
            match joined.last_mut() {
                Some(last) if range.begin <= last.end.saturating_add(1) => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push(*range),
            }
        }
        self.range = joined;
    }

    fn is_coalesced(&self) -> bool {
        self.range.iter().all(|range| range.begin <= range.end)
            && self.range.windows(2).all(|pair| pair[0].end < pair[1].begin.saturating_sub(1))
    }

    /// Whether there is no integer in it.
    pub fn is_empty(&self) -> bool {
        self.range.iter().all(|range| range.begin > range.end)
    }

    /// How many integers it holds, if it is coalesced.
    pub fn count(&self) -> u64 {
        let sizes = self.range.iter().map(|range| (range.end - range.begin).saturating_add(1));
        sizes.fold(0, u64::saturating_add)
    }

    /// Adds the integers of `other`.
    pub fn add(&mut self, other: &Ranges) {
        self.range.extend_from_slice(&other.range);
        self.coalesce();
    }

    /// Takes the integers of `other` away.
    pub fn subtract(&mut self, other: &Ranges) {
        self.coalesce();
        let mut gone = other.clone();
        gone.coalesce();
        let mut left = Vec::with_capacity(self.range.len() + 1);
        let mut next = 0;
        for range in &self.range {
            // What lies wholly before this range lies before all later ones too.
            while gone.range.get(next).is_some_and(|hole| hole.end < range.begin) {
                next += 1;
            }
            let mut begin = Some(range.begin);
            for hole in gone.range[next..].iter().take_while(|hole| hole.begin <= range.end) {
                if let Some(begin) = begin.filter(|begin| *begin < hole.begin) {
                    left.push(Range { begin, end: hole.begin - 1 });
                }
                begin = hole.end.checked_add(1).filter(|begin| *begin <= range.end);
            }
            if let Some(begin) = begin {
                left.push(Range { begin, end: range.end });
            }
        }
        self.range = left;
    }

    /// Whether every integer of `other` is in it.
    pub fn contains(&self, other: &Ranges) -> bool {
        if !self.is_coalesced() {
            let mut coalesced = self.clone();
            coalesced.coalesce();
            return coalesced.contains(other);
        }
        other.range.iter().filter(|range| range.begin <= range.end).all(|range| {
            // The last range that begins at or before it is the only one that can hold it.
            let after = self.range.partition_point(|held| held.begin <= range.begin);
            after > 0 && range.end <= self.range[after - 1].end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pairs: &[(u64, u64)]) -> Ranges {
        pairs.iter().copied().collect()
    }

    #[test]
    fn touching_ranges_become_one() {
        assert_eq!(ranges(&[(5, 6), (1, 2), (3, 4), (8, 9)]), ranges(&[(1, 6), (8, 9)]));
        assert_eq!(ranges(&[(1, 2), (3, u64::MAX), (0, 0)]), ranges(&[(0, u64::MAX)]));
        assert_eq!(ranges(&[(3, 1)]), Ranges::default());
    }

    #[test]
    fn subtraction_splits() {
        let mut left = ranges(&[(0, 10), (20, 30), (40, 50)]);
        left.subtract(&ranges(&[(0, 0), (5, 6), (10, 20), (29, 45), (50, 60)]));
        assert_eq!(left, ranges(&[(1, 4), (7, 9), (21, 28), (46, 49)]));
        left.subtract(&ranges(&[(0, u64::MAX)]));
        assert!(left.is_empty());
    }

    #[test]
    fn containment_is_by_integer() {
        let held = ranges(&[(31000, 32000), (40000, 40000)]);
        assert!(held.contains(&ranges(&[(31000, 31001), (31999, 32000), (40000, 40000)])));
        assert!(!held.contains(&ranges(&[(30999, 31001)])));
        assert!(!held.contains(&ranges(&[(32000, 32001)])));
        assert!(held.contains(&Ranges::default()));
        let loose = Ranges { range: vec![Range { begin: 6, end: 9 }, Range { begin: 1, end: 5 }] };
        assert!(loose.contains(&ranges(&[(2, 8)])));
    }
}
