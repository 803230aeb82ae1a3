INSERT INTO trainings (
    run, job, status, requested_by, requested_at, version, resumed_from, requested_position, position
) VALUES (
    :run, :job, 'requested', :actor, :recorded_at, :version, :resumed_from, :position, :position
);
