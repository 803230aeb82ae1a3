UPDATE inference_workers
SET status = 'lost', ended_at = :recorded_at, silent_seconds = :silent_seconds, position = :position
WHERE worker = :worker;
