-- What the projection engine keeps for itself. Everything here can be deleted with the file and comes back from the log.

-- The migrations that made this file, so that a later program adds only what is missing.
CREATE TABLE migration_applied (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT;

-- The log whose events these rows come from: rows of another log are never continued.
CREATE TABLE registry_log (
    install TEXT NOT NULL PRIMARY KEY
) STRICT;

-- How far each projection has come: checkpoint is the next position to read. Written in the transaction of its rows.
CREATE TABLE projection_checkpoint (
    name TEXT NOT NULL PRIMARY KEY,
    checkpoint INTEGER NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'parked')),
    parked_position INTEGER,
    parked_type TEXT,
    parked_error TEXT
) STRICT;

-- The documents that were rendered, so that an edit from outside is noticed.
CREATE TABLE rendered_document (
    path TEXT NOT NULL PRIMARY KEY,
    sha256 TEXT NOT NULL,
    position INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL
) STRICT;
