UPDATE approvals
SET
    status = 'granted',
    decided_at = :recorded_at,
    decided_by = :actor,
    decision_reason = :reason,
    meaning = :meaning,
    decided_auth = :auth,
    position = :position
WHERE approval = :approval;
