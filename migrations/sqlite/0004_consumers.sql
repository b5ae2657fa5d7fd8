-- Those who follow what happens, and how far each has come. Times are Unix seconds.
CREATE TABLE consumer (
    name       TEXT PRIMARY KEY,
    seq        INTEGER NOT NULL,            -- everything up to it was delivered
    batches    INTEGER NOT NULL DEFAULT 0,  -- delivered, of which each moved the cursor
    records    INTEGER NOT NULL DEFAULT 0,  -- in them
    created_at INTEGER NOT NULL,
    moved_at   INTEGER,
    -- Failed deliveries since then: how many in a row, why and when the last, when it is tried again (NULL:
    -- not before somebody has seen to it). All are 0 or NULL together with `error`.
    failures   INTEGER NOT NULL DEFAULT 0,
    error      TEXT,
    failed_at  INTEGER,
    retry_at   INTEGER
) STRICT, WITHOUT ROWID;
