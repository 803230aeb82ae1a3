UPDATE alerts
SET
    status = 'acknowledged',
    acknowledged_at = :recorded_at,
    acknowledged_by = :actor,
    acknowledgement = :reason,
    position = :position
WHERE opened_position = :opened_position;
