UPDATE inference_workers
SET status = 'left', ended_at = :recorded_at, position = :position
WHERE worker = :worker;
