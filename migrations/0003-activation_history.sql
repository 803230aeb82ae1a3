-- Every activation, rollback and restoration, one row each.
CREATE TABLE activation_history (
    position INTEGER NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    previous_version TEXT,
    kind TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    command TEXT NOT NULL,
    correlation TEXT NOT NULL
) STRICT;

CREATE INDEX activation_history_by_version ON activation_history (version);
