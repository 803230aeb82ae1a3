INSERT INTO retention (retention_class, years, set_at, set_by, reason, position)
VALUES (:retention_class, :years, :recorded_at, :actor, :reason, :position)
ON CONFLICT (retention_class) DO UPDATE SET
    years = excluded.years,
    set_at = excluded.set_at,
    set_by = excluded.set_by,
    reason = excluded.reason,
    position = excluded.position;
