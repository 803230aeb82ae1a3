-- Which actions need another person's approval, where somebody has said so.
CREATE TABLE approval_rules (
    action TEXT NOT NULL PRIMARY KEY,
    is_required INTEGER NOT NULL CHECK (is_required IN (0, 1)),
    valid_hours INTEGER NOT NULL,
    set_at TEXT NOT NULL,
    set_by TEXT NOT NULL,
    reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX approval_rules_by_position ON approval_rules (position);
