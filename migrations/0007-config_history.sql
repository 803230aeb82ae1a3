-- Every change of every setting: one row per changed field, in the order of the event's list.
-- A kept temporary change, and an expiry that had nothing to take back, have one row without a field.
CREATE TABLE config_history (
    position INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    config TEXT NOT NULL,
    field TEXT,
    old TEXT,
    new TEXT,
    kind TEXT NOT NULL,
    words TEXT NOT NULL,
    settings_version INTEGER,
    recorded_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    expires_at TEXT,
    reverts_position INTEGER,
    kept_position INTEGER,
    from_checkpoint INTEGER,
    command TEXT NOT NULL,
    PRIMARY KEY (position, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX config_history_by_field ON config_history (config, field, position);
CREATE INDEX config_history_by_config ON config_history (config, position);
