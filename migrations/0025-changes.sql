-- Changes that somebody must look at or wait for; writes through the console stand in the audit trail.
-- A temporary change is over with ended_position; the others with a review.
CREATE TABLE changes (
    change_position INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('emergency', 'temporary', 'rule')),
    stream TEXT NOT NULL,
    object TEXT NOT NULL,
    summary TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    expires_at TEXT,
    ended_position INTEGER,
    ended_how TEXT CHECK (ended_how IN ('kept', 'undo', 'expiry')),
    ended_at TEXT,
    ended_by TEXT,
    end_reason TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (change_position, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX changes_by_position ON changes (position);

-- Who reviewed which change; at most one review for each.
CREATE TABLE change_reviews (
    reviewed_position INTEGER NOT NULL PRIMARY KEY,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX change_reviews_by_position ON change_reviews (position);
