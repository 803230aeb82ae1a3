-- An approval of an action: what may be done once under it, upon which stream versions, until when, and when it was done.
ALTER TABLE approvals ADD COLUMN action TEXT;
ALTER TABLE approvals ADD COLUMN target TEXT;
ALTER TABLE approvals ADD COLUMN basis TEXT;
ALTER TABLE approvals ADD COLUMN expires_at TEXT;
ALTER TABLE approvals ADD COLUMN used_position INTEGER;
ALTER TABLE approvals ADD COLUMN used_at TEXT;
ALTER TABLE approvals ADD COLUMN used_by TEXT;
