-- It stays granted: its use says that it serves nobody again.
UPDATE approvals
SET
    used_position = :position,
    used_at = :recorded_at,
    used_by = :actor,
    position = :position
WHERE approval = :approval;
