INSERT INTO activation_history (
    position, version, previous_version, kind, recorded_at, actor, reason, command, correlation
) VALUES (
    :position, :version, :previous_version, :kind, :recorded_at, :actor, :reason, :command,
    coalesce(:correlation, :command)
);
