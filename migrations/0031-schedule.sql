-- The works of the timetable that were ever done: one row for each, about its newest run.
CREATE TABLE schedule (
    name TEXT NOT NULL PRIMARY KEY,
    planned_at TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'attention', 'failed')),
    detail TEXT NOT NULL,
    job TEXT,
    is_made_up INTEGER NOT NULL CHECK (is_made_up IN (0, 1)),
    duration_ms INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX schedule_by_position ON schedule (position);
