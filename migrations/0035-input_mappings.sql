-- Profiles by which a plant's database is read, and the one in force.
CREATE TABLE input_mappings (
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    profile_sha256 TEXT NOT NULL,
    saved_by TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    active_flag INTEGER NOT NULL DEFAULT 0 CHECK (active_flag IN (0, 1)),
    activated_at TEXT,
    activated_by TEXT,
    profile TEXT NOT NULL CHECK (json_valid(profile)),
    position INTEGER NOT NULL,
    PRIMARY KEY (name, revision)
) STRICT;

CREATE UNIQUE INDEX input_mappings_one_active ON input_mappings (active_flag) WHERE active_flag = 1;
