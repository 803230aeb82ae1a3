INSERT INTO sessions (session_id, user_id, started_at, expires_at, position)
VALUES (:session_id, :user_id, :recorded_at, :expires_at, :position);
