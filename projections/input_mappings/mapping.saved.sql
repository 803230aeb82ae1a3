INSERT INTO input_mappings (name, revision, profile_sha256, saved_by, saved_at, active_flag, profile, position)
VALUES (:name, :revision, :profile_sha256, :actor, :recorded_at, 0, :profile, :position);
