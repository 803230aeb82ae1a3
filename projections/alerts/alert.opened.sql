INSERT INTO alerts (
    opened_position, alert, kind, subject, severity, status, finding, advice, opened_at, position
) VALUES (
    :position, :alert, :kind, :subject, :severity, 'open', :finding, :advice, :recorded_at, :position
);
