-- Every event of the log in one row, without its payload: that stays in the log, one `daybook events show` away.
-- Each index ends with the position, so that any filter pages in the order of the log. Time needs none: it grows with the position.
CREATE TABLE audit_trail (
    position INTEGER NOT NULL PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    type TEXT NOT NULL,
    category TEXT NOT NULL,
    object TEXT NOT NULL,
    stream TEXT NOT NULL,
    stream_version INTEGER NOT NULL,
    actor TEXT NOT NULL,
    auth TEXT,
    command TEXT NOT NULL,
    correlation TEXT NOT NULL,
    causation TEXT,
    request_id TEXT,
    reason TEXT,
    meaning TEXT,
    summary TEXT NOT NULL
) STRICT;

CREATE INDEX audit_trail_by_type ON audit_trail (type);
CREATE INDEX audit_trail_by_actor ON audit_trail (actor);
CREATE INDEX audit_trail_by_correlation ON audit_trail (correlation);
CREATE INDEX audit_trail_by_category ON audit_trail (category);
CREATE INDEX audit_trail_by_object ON audit_trail (object);
