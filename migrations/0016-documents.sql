-- Whose names an exported document holds: none, listed (then `named` is the list of pseudonyms), or unknown.
ALTER TABLE documents ADD COLUMN names TEXT;
ALTER TABLE documents ADD COLUMN named TEXT;
