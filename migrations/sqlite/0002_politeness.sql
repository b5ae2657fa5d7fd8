-- What politeness has to remember beyond one poll.

-- The host that is asked; NULL for files.
ALTER TABLE plan ADD COLUMN host TEXT;
-- The address that sent the validators: to another they mean nothing. NULL: they are not sent.
ALTER TABLE plan ADD COLUMN validated_url TEXT;
-- The last answer with a body: a server that answers 304 for ever is asked in full after a while.
ALTER TABLE plan ADD COLUMN full_at INTEGER;
-- What server and feed asked for at the last poll, as JSON: [["max_age", 3600], …].
ALTER TABLE plan ADD COLUMN asks TEXT;
-- Of the last document, in seconds; hours are bits 0 to 23, days bits 0 (Sunday) to 6, GMT.
ALTER TABLE plan ADD COLUMN ttl INTEGER;
ALTER TABLE plan ADD COLUMN update_period INTEGER;
ALTER TABLE plan ADD COLUMN skip_hours INTEGER NOT NULL DEFAULT 0;
ALTER TABLE plan ADD COLUMN skip_days INTEGER NOT NULL DEFAULT 0;
-- Where a permanent redirect leads, since when, and when the configured address is asked again
-- (NULL: not any more).
ALTER TABLE plan ADD COLUMN moved_to TEXT;
ALTER TABLE plan ADD COLUMN moved_at INTEGER;
ALTER TABLE plan ADD COLUMN recheck_at INTEGER;
-- Polls so far; also the place of the next one in the history.
ALTER TABLE plan ADD COLUMN polls INTEGER NOT NULL DEFAULT 0;

-- The last polls of each feed: slots that are written in turn, so that nothing has to be deleted.
CREATE TABLE poll (
    feed_id      INTEGER NOT NULL REFERENCES feed (id),
    slot         INTEGER NOT NULL,
    polled_at    INTEGER NOT NULL,
    conditional  INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    status       INTEGER,
    bytes        INTEGER NOT NULL,
    elapsed_ms   INTEGER NOT NULL,
    added        INTEGER NOT NULL,
    edited       INTEGER NOT NULL,
    detail       TEXT,
    next_poll_at INTEGER,
    because      TEXT NOT NULL,
    PRIMARY KEY (feed_id, slot)
) STRICT, WITHOUT ROWID;

-- Hosts that are left alone, with all their feeds. A row goes when the host answers well again.
CREATE TABLE host (
    host         TEXT PRIMARY KEY,
    paused_until INTEGER NOT NULL,
    -- Pauses in a row for which the host named no time: each is twice the last.
    strikes      INTEGER NOT NULL,
    -- What it answered.
    status       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
