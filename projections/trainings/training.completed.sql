UPDATE trainings SET status = 'completed', version = :version, ended_at = :recorded_at, position = :position WHERE run = :run;
