-- Who answers proposals: each worker once, with what it has loaded. What it reports every few seconds is no event.
CREATE TABLE inference_workers (
    worker TEXT NOT NULL PRIMARY KEY,
    instance TEXT NOT NULL,
    host TEXT NOT NULL,
    program TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('joined', 'left', 'lost')),
    joined_at TEXT NOT NULL,
    ended_at TEXT,
    silent_seconds INTEGER,
    version TEXT,
    manifest_sha256 TEXT,
    index_handle TEXT,
    load_ms INTEGER,
    loaded_at TEXT,
    failed_version TEXT,
    failed_problem TEXT,
    failed_message TEXT,
    failed_at TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX inference_workers_by_position ON inference_workers (position);
