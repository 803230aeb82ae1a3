-- Keeping a temporary change alters no field: one row without a field says that it stays.
INSERT INTO config_history (
    position, ordinal, config, field, old, new, kind, words, settings_version,
    recorded_at, actor, reason, expires_at, reverts_position, kept_position, from_checkpoint, command
) VALUES (
    :position, 0, :config, NULL, NULL, NULL, 'keep', 'the change at position ' || :kept_position || ' stays', NULL,
    :recorded_at, :actor, :reason, NULL, NULL, :kept_position, NULL, :command
);
