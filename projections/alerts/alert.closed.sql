UPDATE alerts
SET
    status = 'closed',
    closed_at = :recorded_at,
    closing = :finding,
    position = :position
WHERE opened_position = :opened_position;
