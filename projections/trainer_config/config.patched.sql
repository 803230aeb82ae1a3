-- Each changed field takes its new value; a field without a new value keeps its row and has none.
INSERT INTO trainer_config (field, value, kind, settings_version, changed_at, changed_by, reason, position)
SELECT
    value ->> 'field', value -> 'new', :kind, :settings_version, :recorded_at, :actor, :reason, :position
FROM json_each(:changes)
WHERE :config = 'trainer'
ON CONFLICT (field) DO UPDATE SET
    value = excluded.value,
    kind = excluded.kind,
    settings_version = excluded.settings_version,
    changed_at = excluded.changed_at,
    changed_by = excluded.changed_by,
    reason = excluded.reason,
    position = excluded.position;
