UPDATE changes
SET
    ended_position = :position,
    ended_how = 'kept',
    ended_at = :recorded_at,
    ended_by = :actor,
    end_reason = :reason,
    position = :position
WHERE change_position = :kept_position AND kind = 'temporary' AND ended_position IS NULL;
