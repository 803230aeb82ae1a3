-- sha256 is what was found; the kept file has these bytes.
INSERT INTO documents (
    position, event, path, sha256, kept_as, expected_sha256, recorded_at, actor, reason
) VALUES (
    :position, 'edit_found', :path, :found_sha256, :kept_as, :expected_sha256, :recorded_at, :actor, :reason
);
