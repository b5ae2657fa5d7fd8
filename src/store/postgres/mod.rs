//! What only a store in PostgreSQL has: how it is reached, its schema, and its locks.

pub(super) mod lock;
pub(super) mod migrate;
pub(super) mod open;
