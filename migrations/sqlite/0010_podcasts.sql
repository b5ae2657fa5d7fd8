-- Episode, transcripts, chapters and persons of a podcast, as a JSON object; NULL when the feed states none.
ALTER TABLE article ADD COLUMN podcast TEXT;
