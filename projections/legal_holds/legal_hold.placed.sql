INSERT INTO legal_holds (
    hold, subject, from_position, to_position, status, reason, placed_position, placed_at, placed_by, position
) VALUES (
    :hold, :subject, :from_position, :to_position, 'in force', :reason, :position, :recorded_at, :actor, :position
);
