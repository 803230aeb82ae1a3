-- Temporary changes of a configuration that have neither ended nor been kept; position is the change itself.
CREATE TABLE temporary_changes (
    position INTEGER NOT NULL PRIMARY KEY,
    config TEXT NOT NULL,
    words TEXT NOT NULL,
    fields TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT
) STRICT;

CREATE INDEX temporary_changes_by_end ON temporary_changes (expires_at);
