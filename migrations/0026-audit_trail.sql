-- Writes past a running service: few, and looked for each time somebody asks what is open.
CREATE INDEX audit_trail_by_console ON audit_trail (position) WHERE substr(auth, -8) = '/console';
