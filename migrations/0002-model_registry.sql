-- The registry of model versions. The first five columns, their names, types and order are a promise to other programs,
-- which may read this table with any SQLite tool; STRICT would refuse DATETIME, so CHECK holds the storage classes.
CREATE TABLE model_registry (
    version TEXT NOT NULL PRIMARY KEY CHECK (typeof(version) = 'text'),
    active_flag INTEGER NOT NULL DEFAULT 0 CHECK (typeof(active_flag) = 'integer' AND active_flag IN (0, 1)),
    created_at DATETIME NOT NULL CHECK (typeof(created_at) = 'text'),
    notes TEXT NOT NULL CHECK (typeof(notes) = 'text'),
    manifest_path TEXT NOT NULL CHECK (typeof(manifest_path) = 'text'),
    build_date TEXT NOT NULL CHECK (typeof(build_date) = 'text'),
    build INTEGER NOT NULL CHECK (typeof(build) = 'integer'),
    manifest_sha256 TEXT NOT NULL CHECK (typeof(manifest_sha256) = 'text'),
    files INTEGER NOT NULL CHECK (typeof(files) = 'integer'),
    size_bytes INTEGER NOT NULL CHECK (typeof(size_bytes) = 'integer'),
    change_scopes TEXT NOT NULL CHECK (typeof(change_scopes) = 'text'),
    source_name TEXT CHECK (typeof(source_name) IN ('text', 'null')),
    unknown_fields TEXT CHECK (typeof(unknown_fields) IN ('text', 'null')),
    facts TEXT NOT NULL CHECK (json_valid(facts)),
    registered_by TEXT NOT NULL CHECK (typeof(registered_by) = 'text'),
    registered_position INTEGER NOT NULL CHECK (typeof(registered_position) = 'integer'),
    activated_at TEXT CHECK (typeof(activated_at) IN ('text', 'null')),
    activated_by TEXT CHECK (typeof(activated_by) IN ('text', 'null')),
    activation_kind TEXT CHECK (typeof(activation_kind) IN ('text', 'null')),
    activation_reason TEXT CHECK (typeof(activation_reason) IN ('text', 'null')),
    position INTEGER NOT NULL CHECK (typeof(position) = 'integer')
);

-- Never two active rows: an independent second check of what the activation stream already decides.
CREATE UNIQUE INDEX model_registry_one_active ON model_registry (active_flag) WHERE active_flag = 1;

-- The order of versions: _10 comes after _9.
CREATE UNIQUE INDEX model_registry_in_order ON model_registry (build_date, build);
