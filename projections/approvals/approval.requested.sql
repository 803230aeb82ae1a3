INSERT INTO approvals (
    approval, subject, statement, sprint, status, action, target, basis, expires_at,
    requested_position, requested_at, requested_by, request_reason, position
) VALUES (
    :approval, :subject, :statement, :sprint, 'waiting', :action, :target, :basis, :expires_at,
    :position, :recorded_at, :actor, :reason, :position
);
