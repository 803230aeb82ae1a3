INSERT INTO activation_history (
    position, version, previous_version, kind, recorded_at, actor, reason, command, correlation, is_external,
    overridden_gates, override_reason
) VALUES (
    :position, :version, :previous_version, :kind, :recorded_at, :actor, :reason, :command,
    coalesce(:correlation, :command), :is_external, :overridden_gates, :override_reason
);
