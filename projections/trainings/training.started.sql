INSERT INTO trainings (
    run, source_kind, source_name, status, started_by, started_at, conditions, resumed_from, started_position, position
) VALUES (
    :run, :source_kind, :source_name, 'running', :actor, :recorded_at, :conditions, :resumed_from, :position, :position
);
