-- Sprints and waves with their counts; outstanding is live, outstanding_at_close is what the closing recorded.
CREATE TABLE sprints (
    sprint TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
    tasks INTEGER NOT NULL,
    outstanding INTEGER NOT NULL,
    outstanding_at_close INTEGER,
    approval TEXT,
    opened_position INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    closed_at TEXT,
    closed_by TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX sprints_by_status ON sprints (status, opened_position);
CREATE INDEX sprints_by_position ON sprints (position);
