INSERT INTO sprint_logbook (
    position, day, hour, recorded_at, kind, sprint, task, entry, directive, response, evidence,
    evidence_sha256, evidence_bytes, remaining, claimed_at, corrects_position, reason, actor, open_tasks
) VALUES (
    :position, :day, :hour, :recorded_at, 'config', NULL, NULL, NULL,
    iif(:is_emergency, 'emergency: ', '') || CASE :kind
        WHEN 'initial' THEN 'set the defaults of the '
        WHEN 'undo' THEN 'undo the change at position ' || :reverts_position || ' of the '
        WHEN 'expiry' THEN 'end the temporary change at position ' || :reverts_position || ' of the '
        ELSE iif(:expires_at IS NULL, 'change the ', 'change until ' || :expires_at || ' the ')
    END || :config || ' config',
    :words,
    'event:' || :position,
    NULL, NULL, NULL, NULL, NULL, :reason, :actor,
    coalesce((SELECT open_tasks FROM sprint_logbook ORDER BY position DESC LIMIT 1), 0)
);
