-- For how many years each class of data is kept, where somebody has said so.
CREATE TABLE retention (
    retention_class TEXT NOT NULL PRIMARY KEY,
    years INTEGER NOT NULL,
    set_at TEXT NOT NULL,
    set_by TEXT NOT NULL,
    reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX retention_by_position ON retention (position);
