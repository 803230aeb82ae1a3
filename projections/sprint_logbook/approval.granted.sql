INSERT INTO sprint_logbook (
    position, day, hour, recorded_at, kind, sprint, task, entry, directive, response, evidence,
    evidence_sha256, evidence_bytes, remaining, claimed_at, corrects_position, reason, actor, open_tasks
) VALUES (
    :position, :day, :hour, :recorded_at, 'approval', :sprint, NULL, NULL,
    'grant approval ' || :approval || ' for ' || :subject,
    coalesce(:meaning || ': ', '') || :summary
        || iif(substr(:auth, 1, 9) = 'password/', '; signed with the password', '; not signed') || coalesce(' (' || :auth || ')', ''),
    'event:' || :position,
    NULL, NULL, NULL, NULL, NULL, :reason, :actor,
    coalesce((SELECT open_tasks FROM sprint_logbook ORDER BY position DESC LIMIT 1), 0)
);
