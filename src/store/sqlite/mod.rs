//! What only a store in SQLite has: how its file is opened and copied, and its schema.

pub(super) mod file;
pub(super) mod migrate;
pub(super) mod open;
