INSERT INTO training_steps (run, step, digest, facts, duration_ms, completed_at, position)
VALUES (:run, :step, :digest, :facts, :duration_ms, :recorded_at, :position);

UPDATE trainings SET step = :step, position = :position WHERE run = :run;
