-- From when on a feed may be claimed for a poll: its next poll is due, and no process has it. NULL for a feed whose polling has
-- ended (410) and for one that is disabled or not configured. SQLite computes it, so that every write of the plan keeps it.
ALTER TABLE poll_state ADD COLUMN claimable_at INTEGER
    GENERATED ALWAYS AS (iif(active = 1, max(next_poll_at, leased_until), NULL)) VIRTUAL;

-- The order of claims, with all that is needed to choose: of feeds that are claimable at the same time, the longest overdue is
-- first.
CREATE INDEX poll_state_claimable ON poll_state (claimable_at, next_poll_at, feed_id, host)
    WHERE claimable_at IS NOT NULL;
