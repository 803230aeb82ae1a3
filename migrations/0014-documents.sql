-- What left Daybook, and which rendered documents were found edited by hand.
CREATE TABLE documents (
    position INTEGER NOT NULL PRIMARY KEY,
    event TEXT NOT NULL CHECK (event IN ('exported', 'edit_found')),
    path TEXT NOT NULL,
    kind TEXT,
    format TEXT,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER,
    from_position INTEGER,
    to_position INTEGER,
    filter TEXT,
    entries INTEGER,
    kept_as TEXT,
    expected_sha256 TEXT,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT
) STRICT;

CREATE INDEX documents_by_digest ON documents (sha256);
CREATE INDEX documents_by_path ON documents (path);
