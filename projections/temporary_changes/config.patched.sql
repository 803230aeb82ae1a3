-- The change that an undo or an expiry takes back is no longer temporary: it is over.
DELETE FROM temporary_changes
WHERE position = :reverts_position;

-- A change with an end is temporary until it is kept, undone or ended.
INSERT INTO temporary_changes (position, config, words, fields, expires_at, recorded_at, actor, reason)
SELECT
    :position, :config, :words, (SELECT json_group_array(value ->> 'field') FROM json_each(:changes)),
    :expires_at, :recorded_at, :actor, :reason
WHERE :expires_at IS NOT NULL;
