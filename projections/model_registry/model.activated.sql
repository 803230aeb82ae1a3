-- First clear, then set: SQLite checks the index of active rows row by row, so one statement could trip over its own work.
UPDATE model_registry
SET active_flag = 0, position = :position
WHERE active_flag = 1;

UPDATE model_registry
SET
    active_flag = 1,
    activated_at = :recorded_at,
    activated_by = :actor,
    activation_kind = :kind,
    activation_reason = :reason,
    position = :position
WHERE version = :version;
