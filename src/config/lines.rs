//! The lines of a text. They are found once, so that the place of each fault costs the same.

use std::ops::Range;

#[derive(Clone)]
pub(super) struct Lines {
    /// Where each line begins, in bytes; at least one.
    starts: Vec<usize>,
    /// Where each line begins that looks like the header of a table.
    headers: Vec<usize>,
    length: usize,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let (mut starts, mut headers, mut end) = (vec![0], Vec::new(), 0);
        for line in text.split_inclusive('\n') {
            if line.trim_start().starts_with('[') {
                headers.push(end);
            }
            end += line.len();
            if line.ends_with('\n') {
                starts.push(end);
            }
        }
        Self { starts, headers, length: text.len() }
    }

    /// The number of the line that contains byte `at`, from 0. A line break belongs to the line that it ends.
    pub(super) fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// The byte range of a line, without its line break.
    pub(super) fn range(&self, number: usize) -> Range<usize> {
        let start = self.starts.get(number).copied().unwrap_or(self.length);
        let end = self.starts.get(number + 1).map_or(self.length, |next| next - 1);
        start..end
    }

    /// The byte range of the line that contains byte `at`, without its line break.
    pub(super) fn at(&self, at: usize) -> Range<usize> {
        self.range(self.number(at))
    }

    /// The last line before byte `at` that looks like the header of a table.
    pub(super) fn header_before(&self, at: usize) -> Option<Range<usize>> {
        let next = self.headers.partition_point(|start| *start < at);
        Some(self.at(*self.headers.get(next.checked_sub(1)?)?))
    }

    /// Where the first line after byte `at` begins that looks like the header of a table; else the end of the text.
    pub(super) fn header_after(&self, at: usize) -> usize {
        let next = self.headers.partition_point(|start| *start <= at);
        self.headers.get(next).copied().unwrap_or(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_on_one_line() {
        let lines = Lines::of("ab\n\nc");
        let found: Vec<_> = (0..7).map(|at| (lines.number(at), lines.at(at))).collect();
        let (first, second, third) = ((0, 0..2), (1, 3..3), (2, 4..5));
        let expected = [&first, &first, &first, &second, &third, &third, &third];
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        let headers = Lines::of("a\n[b]\nc\n  [[d]]\n");
        assert_eq!((headers.header_before(2), headers.header_after(2)), (None, 8));
        assert_eq!((headers.header_before(3), headers.header_after(9)), (Some(2..5), 16));
        assert_eq!(Lines::of("").at(0), 0..0);
        assert_eq!(Lines::of("a\n").at(2), 2..2);
    }
}
