UPDATE trainings
SET status = 'failed', step = coalesce(:step, step), detail = :message, ended_at = :recorded_at, position = :position
WHERE run = :run;
