UPDATE users
SET
    locked_out_at = :recorded_at,
    position = :position
WHERE user_id = :user_id;
