UPDATE legal_holds
SET
    status = 'released',
    released_at = :recorded_at,
    released_by = :actor,
    release_reason = :reason,
    position = :position
WHERE hold = :hold;
