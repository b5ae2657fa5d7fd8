-- Edits by their time, the latest first, without a page of the versions themselves.
CREATE INDEX article_revision_replaced ON article_revision (replaced_at, article_id, revision);
