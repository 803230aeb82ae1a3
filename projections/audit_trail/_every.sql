INSERT INTO audit_trail (
    position, recorded_at, type, category, object, stream, stream_version, actor, auth,
    command, correlation, causation, request_id, reason, meaning, summary
) VALUES (
    :position, :recorded_at, :type, :category, :object, :stream, :stream_version, :actor, :auth,
    :command, coalesce(:correlation, :command), :causation, :request_id, :reason, :meaning, :summary
);
