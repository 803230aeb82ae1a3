-- Whoever changes what needs four eyes is looked at by a second pair.
INSERT INTO changes (change_position, kind, stream, object, summary, recorded_at, actor, reason, position)
VALUES (:position, 'rule', :stream, :object, :summary, :recorded_at, :actor, :reason, :position);
