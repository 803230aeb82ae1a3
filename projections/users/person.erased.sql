UPDATE users
SET
    status = 'erased',
    since = :recorded_at,
    changed_by = :actor,
    reason = :reason,
    position = :position
WHERE user_id = :subject;
