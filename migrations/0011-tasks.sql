-- Pieces of work: open or closed, how many entries, and how much remains by the last of them.
CREATE TABLE tasks (
    task TEXT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    sprint TEXT,
    status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
    entries INTEGER NOT NULL,
    corrections INTEGER NOT NULL,
    remaining INTEGER,
    opened_position INTEGER NOT NULL,
    opened_at TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    last_logged_at TEXT,
    last_logged_by TEXT,
    closed_at TEXT,
    closed_by TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX tasks_by_status ON tasks (status, opened_position);
CREATE INDEX tasks_by_sprint ON tasks (sprint, opened_position);
CREATE INDEX tasks_by_position ON tasks (position);
