INSERT INTO erasures (
    position, event, redacted_position, fields, replacement_sha256, basis, recorded_at, actor, reason
) VALUES (
    :position, 'record redacted', :redacted_position, :fields, :replacement_sha256, :basis, :recorded_at, :actor, :reason
);
