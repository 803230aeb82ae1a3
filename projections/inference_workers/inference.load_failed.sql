UPDATE inference_workers
SET
    failed_version = :version,
    failed_problem = :problem,
    failed_message = :message,
    failed_at = :recorded_at,
    failed_position = :position,
    position = :position
WHERE worker = :worker;
