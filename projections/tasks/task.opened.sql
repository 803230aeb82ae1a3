INSERT INTO tasks (
    task, title, sprint, status, entries, corrections, remaining,
    opened_position, opened_at, opened_by, position
) VALUES (
    :task, :title, :sprint, 'open', 0, 0, NULL,
    :position, :recorded_at, :actor, :position
);
