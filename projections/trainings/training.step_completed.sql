INSERT INTO training_steps (run, step, digest, facts, duration_ms, reused_from, completed_at, position)
VALUES (:run, :step, :digest, :facts, :duration_ms, :reused_from, :recorded_at, :position);

UPDATE trainings SET step = :step, position = :position WHERE run = :run;
