UPDATE jobs
SET
    status = 'cancelled',
    ended_at = :recorded_at,
    cancelled_by = :actor,
    cancel_reason = :reason,
    position = :position
WHERE job = :job;
