-- The sessions that were started and have not ended; the audit trail keeps them all.
CREATE TABLE sessions (
    session_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    started_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, position);
CREATE INDEX sessions_by_position ON sessions (position);
