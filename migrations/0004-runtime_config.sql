-- The settings in force of the runtime configuration, one row per field; a field that lost its value keeps its row.
CREATE TABLE runtime_config (
    field TEXT NOT NULL PRIMARY KEY,
    value TEXT,
    kind TEXT NOT NULL,
    settings_version INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX runtime_config_by_position ON runtime_config (position);

-- What config/runtime_config.json is rendered from: one JSON object of dotted field names, and the last event that changed it.
CREATE VIEW runtime_config_document AS
SELECT
    (SELECT max(position) FROM runtime_config) AS position,
    (SELECT changed_at FROM runtime_config ORDER BY position DESC LIMIT 1) AS changed_at,
    (SELECT changed_by FROM runtime_config ORDER BY position DESC LIMIT 1) AS changed_by,
    (SELECT max(settings_version) FROM runtime_config) AS settings_version,
    (
        SELECT json_group_object(field, json(value))
        FROM (SELECT field, value FROM runtime_config WHERE value IS NOT NULL ORDER BY field)
    ) AS settings;
