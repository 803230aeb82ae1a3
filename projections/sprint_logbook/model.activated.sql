-- The entry's kind is the activation's: activation, rollback or restoration.
INSERT INTO sprint_logbook (
    position, day, hour, recorded_at, kind, sprint, task, entry, directive, response, evidence,
    evidence_sha256, evidence_bytes, remaining, claimed_at, corrects_position, reason, actor, open_tasks
) VALUES (
    :position, :day, :hour, :recorded_at, :kind, NULL, NULL, NULL,
    iif(:is_emergency, 'emergency: ', '') || CASE :kind
        WHEN 'rollback' THEN 'roll back to model '
        WHEN 'restoration' THEN 'restore model '
        ELSE 'activate model '
    END || :version,
    :summary,
    'event:' || :position,
    NULL, NULL, NULL, NULL, NULL, :reason, :actor,
    coalesce((SELECT open_tasks FROM sprint_logbook ORDER BY position DESC LIMIT 1), 0)
);
