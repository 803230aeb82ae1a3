UPDATE tasks
SET status = 'closed', closed_at = :recorded_at, closed_by = :actor, position = :position
WHERE task = :task;
