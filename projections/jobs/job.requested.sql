INSERT INTO jobs (
    job, kind, parameters, status, requested_position, requested_at, requested_by, reason, retry_of, position
) VALUES (
    :job, :kind, :parameters, 'queued', :position, :recorded_at, :actor, :reason, :retry_of, :position
);
