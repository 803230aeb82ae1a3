-- Routings that were saved for parts, and each of their revisions.
CREATE TABLE routings (
    routing TEXT NOT NULL PRIMARY KEY,
    item TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('saved', 'withdrawn')),
    revision INTEGER NOT NULL,
    stream_version INTEGER NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('proposed', 'edited', 'manual')),
    version TEXT,
    title TEXT,
    notes TEXT,
    setup_minutes TEXT NOT NULL,
    run_minutes TEXT NOT NULL,
    operations TEXT NOT NULL CHECK (json_valid(operations)),
    evidence TEXT CHECK (evidence IS NULL OR json_valid(evidence)),
    saved_at TEXT NOT NULL,
    saved_by TEXT NOT NULL,
    reason TEXT,
    withdrawn_at TEXT,
    withdrawn_by TEXT,
    withdrawal_reason TEXT,
    first_position INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX routings_by_first_position ON routings (first_position);
CREATE INDEX routings_by_item ON routings (item, first_position);

CREATE TABLE routing_revisions (
    routing TEXT NOT NULL,
    revision INTEGER NOT NULL,
    item TEXT NOT NULL,
    source TEXT NOT NULL,
    version TEXT,
    title TEXT,
    notes TEXT,
    setup_minutes TEXT NOT NULL,
    run_minutes TEXT NOT NULL,
    operations TEXT NOT NULL CHECK (json_valid(operations)),
    evidence TEXT CHECK (evidence IS NULL OR json_valid(evidence)),
    saved_at TEXT NOT NULL,
    saved_by TEXT NOT NULL,
    reason TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (routing, revision)
) STRICT;
