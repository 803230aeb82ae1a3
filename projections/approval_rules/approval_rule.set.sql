INSERT INTO approval_rules (action, is_required, valid_hours, set_at, set_by, reason, position)
VALUES (:action, :is_required, :valid_hours, :recorded_at, :actor, :reason, :position)
ON CONFLICT (action) DO UPDATE SET
    is_required = excluded.is_required,
    valid_hours = excluded.valid_hours,
    set_at = excluded.set_at,
    set_by = excluded.set_by,
    reason = excluded.reason,
    position = excluded.position;
