-- Who has an account and what they are; no name, no address.
CREATE TABLE users (
    user_id TEXT NOT NULL PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'disabled', 'rejected', 'erased')),
    role TEXT,
    signed_up_position INTEGER NOT NULL,
    signed_up_at TEXT NOT NULL,
    since TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    reason TEXT,
    password_changed_at TEXT,
    locked_out_at TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX users_by_status ON users (status, signed_up_position);
CREATE INDEX users_by_sign_up ON users (signed_up_position);
CREATE INDEX users_by_position ON users (position);
