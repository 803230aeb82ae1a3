-- What was erased or redacted, on which ground.
CREATE TABLE erasures (
    position INTEGER NOT NULL PRIMARY KEY,
    event TEXT NOT NULL CHECK (event IN ('person erased', 'record redacted')),
    subject TEXT,
    scope TEXT,
    redacted_position INTEGER,
    fields TEXT,
    replacement_sha256 TEXT,
    basis TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT
) STRICT;
