UPDATE inference_workers
SET
    version = :version,
    manifest_sha256 = :manifest_sha256,
    index_handle = :index_handle,
    load_ms = :load_ms,
    loaded_at = :recorded_at,
    failed_version = NULL,
    failed_problem = NULL,
    failed_message = NULL,
    failed_at = NULL,
    loaded_position = :position,
    warnings = :warnings,
    failed_position = NULL,
    position = :position
WHERE worker = :worker;
