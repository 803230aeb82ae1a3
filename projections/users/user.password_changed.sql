UPDATE users
SET
    password_changed_at = :recorded_at,
    position = :position
WHERE user_id = :user_id;
