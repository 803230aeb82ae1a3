DELETE FROM temporary_changes
WHERE position = :kept_position;
