UPDATE users
SET
    status = 'disabled',
    since = :recorded_at,
    changed_by = :actor,
    reason = :reason,
    position = :position
WHERE user_id = :user_id;
