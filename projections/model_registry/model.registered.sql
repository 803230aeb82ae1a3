-- A registered version is complete and inactive. Notes begin with the change scopes: [preprocessing, data] words.
INSERT INTO model_registry (
    version, active_flag, created_at, notes, manifest_path,
    build_date, build, manifest_sha256, files, size_bytes, change_scopes,
    source_name, unknown_fields, facts, servable, servable_reason, signature_sha256,
    registered_by, registered_position, position
) VALUES (
    :version, 0, :recorded_at, trim('[' || :change_scopes || '] ' || coalesce(:notes, '')), :manifest_path,
    :build_date, :build, :manifest_sha256, :files, :size_bytes, :change_scopes,
    :source_name, :unknown_fields,
    :facts, :servable, :servable_reason, :signature_sha256, :actor, :position, :position
);
