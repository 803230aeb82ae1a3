UPDATE sprints
SET
    status = 'closed',
    outstanding_at_close = :outstanding,
    approval = :approval,
    closed_at = :recorded_at,
    closed_by = :actor,
    position = :position
WHERE sprint = :sprint;
