INSERT INTO approvals (
    approval, subject, statement, sprint, status,
    requested_position, requested_at, requested_by, request_reason, position
) VALUES (
    :approval, :subject, :statement, :sprint, 'waiting',
    :position, :recorded_at, :actor, :reason, :position
);
