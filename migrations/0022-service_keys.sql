-- The accounts of programs and their keys; a key itself is kept nowhere.
CREATE TABLE service_accounts (
    account TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE service_keys (
    key_id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    scope TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('in force', 'revoked')),
    issued_position INTEGER NOT NULL,
    issued_at TEXT NOT NULL,
    issued_by TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    predecessor TEXT,
    revoked_at TEXT,
    revoked_by TEXT,
    reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX service_accounts_by_position ON service_accounts (position);
CREATE INDEX service_keys_by_account ON service_keys (account, issued_position);
CREATE INDEX service_keys_by_issue ON service_keys (issued_position);
CREATE INDEX service_keys_by_position ON service_keys (position);
