-- The long works that somebody asked for; what they made and logged are files beside, progress is no event.
CREATE TABLE jobs (
    job TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    parameters TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    requested_position INTEGER NOT NULL,
    requested_at TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    reason TEXT,
    retry_of TEXT,
    started_at TEXT,
    ended_at TEXT,
    cancelled_by TEXT,
    cancel_reason TEXT,
    problem TEXT,
    message TEXT,
    result TEXT,
    duration_ms INTEGER,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX jobs_by_request ON jobs (requested_position);
CREATE INDEX jobs_by_position ON jobs (position);
CREATE INDEX jobs_open ON jobs (requested_position) WHERE status IN ('queued', 'running');
