INSERT INTO change_reviews (reviewed_position, recorded_at, actor, reason, position)
VALUES (:reviewed_position, :recorded_at, :actor, :reason, :position);
