INSERT INTO service_accounts (account, name, created_at, created_by, reason, position)
VALUES (:account, :name, :recorded_at, :actor, :reason, :position);
