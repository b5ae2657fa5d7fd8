-- Articles that are the same as an earlier article of another feed. The original is never a duplicate itself. `reason` is
-- 'address', 'publisher_address' or 'text', and `score` says how much of the texts is the same, from 0 to 1.
CREATE TABLE article_duplicate (
    article_id  INTEGER PRIMARY KEY REFERENCES article (id),
    original_id INTEGER NOT NULL REFERENCES article (id),
    reason      TEXT NOT NULL,
    score       REAL NOT NULL,
    decided_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX article_duplicate_of ON article_duplicate (original_id, article_id);

-- Pairs that a user has said are two articles. `seq` is the number under which consumers hear of the article, which they
-- had not heard of while it was a duplicate.
CREATE TABLE refused_duplicate (
    article_id  INTEGER NOT NULL,
    original_id INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (article_id, original_id)
) STRICT, WITHOUT ROWID;

-- What new articles are compared with: the articles of the last days, each with the keys under which it is found and the
-- sketch of its text. Articles that are older leave the table.
CREATE TABLE article_sketch (
    article_id INTEGER PRIMARY KEY REFERENCES article (id),
    seen_at    INTEGER NOT NULL,
    keys       BLOB NOT NULL,
    sketch     BLOB NOT NULL
) STRICT;

-- For all articles up to this sequence number it is known whether they are duplicates. Those that were stored before are
-- not compared with each other.
INSERT INTO meta (key, value) SELECT 'matched_seq', value FROM meta WHERE key = 'seq';
