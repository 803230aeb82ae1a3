UPDATE input_mappings SET active_flag = 0, position = :position WHERE active_flag = 1;

UPDATE input_mappings
SET active_flag = 1, activated_at = :recorded_at, activated_by = :actor, position = :position
WHERE name = :name AND revision = :revision;
