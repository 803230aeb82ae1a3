-- The settings in force of the trainer configuration, one row per field; a field that lost its value keeps its row.
CREATE TABLE trainer_config (
    field TEXT NOT NULL PRIMARY KEY,
    value TEXT,
    kind TEXT NOT NULL,
    settings_version INTEGER NOT NULL,
    changed_at TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    reason TEXT,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX trainer_config_by_position ON trainer_config (position);

-- What config/trainer_config.yaml is rendered from: one JSON object of dotted field names, and the last event that changed it.
CREATE VIEW trainer_config_document AS
SELECT
    (SELECT max(position) FROM trainer_config) AS position,
    (SELECT changed_at FROM trainer_config ORDER BY position DESC LIMIT 1) AS changed_at,
    (SELECT changed_by FROM trainer_config ORDER BY position DESC LIMIT 1) AS changed_by,
    (SELECT max(settings_version) FROM trainer_config) AS settings_version,
    (
        SELECT json_group_object(field, json(value))
        FROM (SELECT field, value FROM trainer_config WHERE value IS NOT NULL ORDER BY field)
    ) AS settings;
