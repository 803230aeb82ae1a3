INSERT INTO schedule (
    name, planned_at, started_at, finished_at, outcome, detail, job, is_made_up, duration_ms, runs, position
) VALUES (
    :name, :planned_at, :started_at, :recorded_at, :outcome, :detail, :job, :is_made_up, :duration_ms, 1, :position
)
ON CONFLICT (name) DO UPDATE SET
    planned_at = excluded.planned_at,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at,
    outcome = excluded.outcome,
    detail = excluded.detail,
    job = excluded.job,
    is_made_up = excluded.is_made_up,
    duration_ms = excluded.duration_ms,
    runs = schedule.runs + 1,
    position = excluded.position;
