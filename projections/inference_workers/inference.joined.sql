-- A new run has nothing loaded yet, whatever the run before it had.
INSERT INTO inference_workers (worker, instance, host, program, status, joined_at, position)
VALUES (:worker, :instance, :host, :program, 'joined', :recorded_at, :position)
ON CONFLICT (worker) DO UPDATE SET
    instance = excluded.instance,
    host = excluded.host,
    program = excluded.program,
    status = 'joined',
    joined_at = excluded.joined_at,
    ended_at = NULL,
    silent_seconds = NULL,
    version = NULL,
    manifest_sha256 = NULL,
    index_handle = NULL,
    load_ms = NULL,
    loaded_at = NULL,
    failed_version = NULL,
    failed_problem = NULL,
    failed_message = NULL,
    failed_at = NULL,
    loaded_position = NULL,
    warnings = NULL,
    failed_position = NULL,
    position = excluded.position;
