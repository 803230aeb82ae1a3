-- Training runs, one row each, and what each of their steps made.
CREATE TABLE trainings (
    run TEXT NOT NULL PRIMARY KEY,
    source_kind TEXT NOT NULL,
    source_name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'cancelled')),
    started_by TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    step TEXT,
    version TEXT,
    detail TEXT,
    conditions TEXT NOT NULL,
    started_position INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX trainings_by_start ON trainings (started_position);
CREATE INDEX trainings_open ON trainings (status) WHERE status = 'running';

CREATE TABLE training_steps (
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    digest TEXT NOT NULL,
    facts TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    completed_at TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (run, position)
) STRICT;
