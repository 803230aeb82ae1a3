-- The digest of a document whose write was begun: after a crash between the file and its row, the file is known as ours.
ALTER TABLE rendered_document ADD COLUMN writing_sha256 TEXT;
