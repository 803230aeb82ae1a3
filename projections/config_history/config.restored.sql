INSERT INTO config_history (
    position, ordinal, config, field, old, new, kind, words, settings_version,
    recorded_at, actor, reason, expires_at, reverts_position, kept_position, from_checkpoint, command
)
SELECT
    :position, key, :config, value ->> 'field', value -> 'old', value -> 'new', 'restore', :words, :settings_version,
    :recorded_at, :actor, :reason, NULL, NULL, NULL, :from_checkpoint, :command
FROM json_each(:changes);
