INSERT INTO trainings (
    run, source_kind, source_name, status, requested_by, requested_at, started_at, conditions, resumed_from,
    requested_position, position
) VALUES (
    :run, :source_kind, :source_name, 'running', :actor, :recorded_at, :recorded_at, :conditions, :resumed_from,
    :position, :position
)
ON CONFLICT (run) DO UPDATE SET
    source_kind = excluded.source_kind,
    source_name = excluded.source_name,
    status = excluded.status,
    started_at = excluded.started_at,
    conditions = excluded.conditions,
    position = excluded.position;
