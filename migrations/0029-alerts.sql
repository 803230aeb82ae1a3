-- Every opening of an alert is a row: an alert that was closed and opened again has two.
CREATE TABLE alerts (
    opened_position INTEGER NOT NULL PRIMARY KEY,
    alert TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT,
    severity TEXT NOT NULL CHECK (severity IN ('warning', 'critical')),
    status TEXT NOT NULL CHECK (status IN ('open', 'acknowledged', 'closed')),
    finding TEXT NOT NULL,
    advice TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    acknowledged_at TEXT,
    acknowledged_by TEXT,
    acknowledgement TEXT,
    closed_at TEXT,
    closing TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX alerts_by_position ON alerts (position);
-- An alert is open once at most: the decider says so, and this checks it.
CREATE UNIQUE INDEX alerts_open ON alerts (alert) WHERE status <> 'closed';
