INSERT INTO changes (change_position, kind, stream, object, summary, recorded_at, actor, reason, position)
SELECT :position, 'emergency', :stream, :object, :summary, :recorded_at, :actor, :reason, :position
WHERE :is_emergency;
