-- What must stay as it is: a person or a range of positions, until the hold is released.
CREATE TABLE legal_holds (
    hold TEXT NOT NULL PRIMARY KEY,
    subject TEXT,
    from_position INTEGER,
    to_position INTEGER,
    status TEXT NOT NULL CHECK (status IN ('in force', 'released')),
    reason TEXT,
    placed_position INTEGER NOT NULL,
    placed_at TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    released_at TEXT,
    released_by TEXT,
    release_reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX legal_holds_by_position ON legal_holds (position);
