INSERT INTO config_history (
    position, ordinal, config, field, old, new, kind, words, settings_version,
    recorded_at, actor, reason, expires_at, reverts_position, kept_position, from_checkpoint, command
)
SELECT
    :position, key, :config, value ->> 'field', value -> 'old', value -> 'new', :kind, :words, :settings_version,
    :recorded_at, :actor, :reason, :expires_at, :reverts_position, NULL, NULL, :command
FROM json_each(:changes);

-- A change that altered no field (an expiry that had nothing to take back) has one row without a field.
INSERT INTO config_history (
    position, ordinal, config, field, old, new, kind, words, settings_version,
    recorded_at, actor, reason, expires_at, reverts_position, kept_position, from_checkpoint, command
)
SELECT
    :position, 0, :config, NULL, NULL, NULL, :kind, :words, :settings_version,
    :recorded_at, :actor, :reason, :expires_at, :reverts_position, NULL, NULL, :command
WHERE :changes = '[]';
