UPDATE jobs
SET
    status = :outcome,
    ended_at = :recorded_at,
    problem = :problem,
    message = :message,
    result = :result,
    duration_ms = :duration_ms,
    position = :position
WHERE job = :job;
