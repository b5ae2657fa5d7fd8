//! The values of the parameters of a statement.

use rusqlite::types::ToSql;

/// The values of the parameters of a statement, in the order of their numbers.
pub(in crate::store) trait Params {
    /// Passes the values to `run`.
    fn pass<T>(self, run: impl FnOnce(&[&dyn ToSql]) -> T) -> T;
}

impl Params for &[&dyn ToSql] {
    fn pass<T>(self, run: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
        run(self)
    }
}

impl Params for [&dyn ToSql; 0] {
    fn pass<T>(self, run: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
        run(&[])
    }
}

/// Without a length of 0, so that the type of `[]` is known.
macro_rules! params_of_arrays {
    ($($length:literal)*) => {$(
        impl<V: ToSql> Params for [V; $length] {
            fn pass<T>(self, run: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
                run(&self.each_ref().map(|value| value as &dyn ToSql))
            }
        }
    )*};
}

params_of_arrays!(1 2 3 4 5 6);

impl<A: ToSql, B: ToSql> Params for (A, B) {
    fn pass<T>(self, run: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
        run(&[&self.0, &self.1])
    }
}

/// Values of which the number is not known before.
pub(in crate::store) struct ParamsFromIter<I>(I);

pub(in crate::store) fn params_from_iter<I>(values: I) -> ParamsFromIter<I> {
    ParamsFromIter(values)
}

impl<I: IntoIterator<Item: ToSql>> Params for ParamsFromIter<I> {
    fn pass<T>(self, run: impl FnOnce(&[&dyn ToSql]) -> T) -> T {
        let values: Vec<_> = self.0.into_iter().collect();
        let values: Vec<&dyn ToSql> = values.iter().map(|value| value as &dyn ToSql).collect();
        run(&values)
    }
}
