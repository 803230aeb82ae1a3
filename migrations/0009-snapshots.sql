-- Named moments to compare with and to go back to; events before at_checkpoint belong to one.
CREATE TABLE snapshots (
    position INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    at_checkpoint INTEGER NOT NULL,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT
) STRICT;
