INSERT INTO sprint_logbook (
    position, day, hour, recorded_at, kind, sprint, task, entry, directive, response, evidence,
    evidence_sha256, evidence_bytes, remaining, claimed_at, corrects_position, reason, actor, open_tasks
) VALUES (
    :position, :day, :hour, :recorded_at, 'config', NULL, NULL, NULL,
    'keep the temporary change at position ' || :kept_position || ' of the ' || :config || ' config',
    :summary,
    'event:' || :position,
    NULL, NULL, NULL, NULL, NULL, :reason, :actor,
    coalesce((SELECT open_tasks FROM sprint_logbook ORDER BY position DESC LIMIT 1), 0)
);
