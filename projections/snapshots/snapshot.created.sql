INSERT INTO snapshots (position, name, at_checkpoint, recorded_at, actor, reason)
VALUES (:position, :name, :at_checkpoint, :recorded_at, :actor, :reason);
