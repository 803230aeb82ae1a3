-- A run is asked for before it begins: by whom and when, and the job that does it.
DROP TABLE trainings;

CREATE TABLE trainings (
    run TEXT NOT NULL PRIMARY KEY,
    job TEXT,
    source_kind TEXT,
    source_name TEXT,
    status TEXT NOT NULL CHECK (status IN ('requested', 'running', 'completed', 'failed', 'cancelled')),
    requested_by TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    step TEXT,
    version TEXT,
    detail TEXT,
    conditions TEXT,
    resumed_from TEXT,
    requested_position INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX trainings_by_request ON trainings (requested_position);
CREATE INDEX trainings_open ON trainings (status) WHERE status = 'running';
