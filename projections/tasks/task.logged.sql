UPDATE tasks
SET
    entries = :entry,
    remaining = :remaining,
    last_logged_at = :recorded_at,
    last_logged_by = :actor,
    position = :position
WHERE task = :task;
