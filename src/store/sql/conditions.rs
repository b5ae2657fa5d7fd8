//! The conditions of a statement that is made of what a query asks for.

use crate::store::database::Value;
/// The conditions of a statement, with the values that are bound to its parameters. Parameters are numbered,
/// so that a condition may occur in several arms of a statement.
#[derive(Clone, Default)]
pub(super) struct Where {
    pub(super) conditions: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Where {
    /// Binds a value and returns its parameter, such as `?3`.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    pub(super) fn add(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    /// Adds a comparison of a column with a value, if there is a value.
    pub(super) fn compare(&mut self, left: &str, value: Option<i64>) {
        if let Some(value) = value {
            let parameter = self.bind(value);
            self.conditions.push(format!("{left} {parameter}"));
        }
    }

    /// The condition that at least one of the texts fulfils, if there are any.
    pub(super) fn any(
        &mut self,
        texts: &[String],
        condition: impl Fn(&mut Self, &str) -> String,
    ) -> Option<String> {
        let alternatives: Vec<String> = texts.iter().map(|text| condition(self, text)).collect();
        (!texts.is_empty()).then(|| format!("({})", alternatives.join(" OR ")))
    }

    /// The `WHERE` clause of all conditions and perhaps one more; empty without any.
    pub(super) fn clause(&self, more: Option<&str>) -> String {
        let all: Vec<&str> = more.into_iter().chain(self.conditions.iter().map(|c| &**c)).collect();
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    }
}
