-- What the closing counted stands as the entry's remaining.
INSERT INTO sprint_logbook (
    position, day, hour, recorded_at, kind, sprint, task, entry, directive, response, evidence,
    evidence_sha256, evidence_bytes, remaining, claimed_at, corrects_position, reason, actor, open_tasks
) VALUES (
    :position, :day, :hour, :recorded_at, 'sprint', :sprint, NULL, NULL,
    'close ' || :sprint,
    :summary,
    'event:' || :position,
    NULL, NULL, :outstanding, NULL, NULL, :reason, :actor,
    coalesce((SELECT open_tasks FROM sprint_logbook ORDER BY position DESC LIMIT 1), 0)
);
