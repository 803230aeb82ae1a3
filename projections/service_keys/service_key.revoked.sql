UPDATE service_keys
SET
    status = 'revoked',
    revoked_at = :recorded_at,
    revoked_by = :actor,
    reason = :reason,
    position = :position
WHERE key_id = :key_id;
