-- Requests for another person's agreement and what became of them.
CREATE TABLE approvals (
    approval TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    statement TEXT NOT NULL,
    sprint TEXT,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'granted', 'rejected', 'withdrawn')),
    requested_position INTEGER NOT NULL,
    requested_at TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    request_reason TEXT,
    decided_at TEXT,
    decided_by TEXT,
    decision_reason TEXT,
    meaning TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX approvals_by_status ON approvals (status, requested_position);
CREATE INDEX approvals_by_sprint ON approvals (sprint, requested_position);
CREATE INDEX approvals_by_position ON approvals (position);
