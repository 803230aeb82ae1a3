INSERT INTO sprints (
    sprint, kind, title, status, tasks, outstanding, opened_position, opened_at, opened_by, position
) VALUES (
    :sprint, :kind, :title, 'open', 0, 0, :position, :recorded_at, :actor, :position
);
