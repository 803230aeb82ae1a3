INSERT INTO users (user_id, status, signed_up_position, signed_up_at, since, changed_by, reason, position)
VALUES (:user_id, 'pending', :position, :recorded_at, :recorded_at, :actor, :reason, :position);
