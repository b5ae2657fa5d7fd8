-- The icon of each web site that has a feed. `site` is the origin of the site. `next_at` is the time of the next request, and
-- `failures` counts the requests in a row that gave no icon. `hash` names the bytes, and is NULL as long as no icon was found.
-- `etag` and `last_modified` came from `url`.
CREATE TABLE site_icon (
    site          TEXT PRIMARY KEY,
    next_at       INTEGER NOT NULL,
    failures      INTEGER NOT NULL DEFAULT 0,
    url           TEXT,
    etag          BLOB,
    last_modified BLOB,
    hash          TEXT,
    mime_type     TEXT,
    bytes         BLOB
) STRICT;

CREATE INDEX site_icon_hash ON site_icon (hash) WHERE hash IS NOT NULL;
