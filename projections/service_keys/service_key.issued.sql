INSERT INTO service_keys (
    key_id, account, scope, status, issued_position, issued_at, issued_by, expires_at, predecessor, reason, position
) VALUES (
    :key_id, :account, :scope, 'in force', :position, :recorded_at, :actor, :expires_at, :predecessor, :reason,
    :position
);

UPDATE service_keys
SET
    expires_at = min(expires_at, :predecessor_ends_at),
    position = :position
WHERE key_id = :predecessor AND :predecessor_ends_at IS NOT NULL;
