UPDATE jobs
SET
    status = 'running',
    started_at = :recorded_at,
    position = :position
WHERE job = :job;
