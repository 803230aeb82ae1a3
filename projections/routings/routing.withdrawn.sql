UPDATE routings
SET
    status = 'withdrawn',
    stream_version = :stream_version,
    withdrawn_at = :recorded_at,
    withdrawn_by = :actor,
    withdrawal_reason = :reason,
    position = :position
WHERE routing = :routing;
