UPDATE trainings
SET status = 'cancelled', step = coalesce(:step, step), ended_at = :recorded_at, position = :position
WHERE run = :run;
