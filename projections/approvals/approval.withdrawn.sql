UPDATE approvals
SET
    status = 'withdrawn',
    decided_at = :recorded_at,
    decided_by = :actor,
    decision_reason = :reason,
    meaning = :meaning,
    position = :position
WHERE approval = :approval;
