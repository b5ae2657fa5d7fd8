-- The feed links of a page that was served instead of a feed, as a JSON array of URLs. Until this version they
-- were only in the text of the error; each failing feed has them again after its next poll.
ALTER TABLE plan ADD COLUMN offers TEXT;
