-- The change that an undo or an expiry takes back is no longer temporary: it is over.
UPDATE changes
SET
    ended_position = :position,
    ended_how = :kind,
    ended_at = :recorded_at,
    ended_by = :actor,
    end_reason = :reason,
    position = :position
WHERE change_position = :reverts_position AND kind = 'temporary' AND ended_position IS NULL;

INSERT INTO changes (change_position, kind, stream, object, summary, recorded_at, actor, reason, expires_at, position)
SELECT :position, 'temporary', :stream, :object, :summary, :recorded_at, :actor, :reason, :expires_at, :position
WHERE :expires_at IS NOT NULL;

INSERT INTO changes (change_position, kind, stream, object, summary, recorded_at, actor, reason, position)
SELECT :position, 'emergency', :stream, :object, :summary, :recorded_at, :actor, :reason, :position
WHERE :is_emergency;
