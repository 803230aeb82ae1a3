-- The logbook: one entry per row, hour by hour in the plant's time; open_tasks counts after the entry.
CREATE TABLE sprint_logbook (
    position INTEGER NOT NULL PRIMARY KEY,
    day TEXT NOT NULL,
    hour TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    kind TEXT NOT NULL,
    sprint TEXT,
    task TEXT,
    entry INTEGER,
    directive TEXT NOT NULL,
    response TEXT NOT NULL,
    evidence TEXT NOT NULL,
    evidence_sha256 TEXT,
    evidence_bytes INTEGER,
    remaining INTEGER,
    claimed_at TEXT,
    corrects_position INTEGER,
    reason TEXT,
    actor TEXT NOT NULL,
    open_tasks INTEGER NOT NULL
) STRICT;

CREATE INDEX sprint_logbook_by_day ON sprint_logbook (day);
CREATE INDEX sprint_logbook_by_sprint ON sprint_logbook (sprint);
CREATE INDEX sprint_logbook_by_task ON sprint_logbook (task);
