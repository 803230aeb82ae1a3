-- Who can answer with a version, and the signature under its manifest; both unknown for what was registered before.
ALTER TABLE model_registry ADD COLUMN servable TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE model_registry ADD COLUMN servable_reason TEXT;
ALTER TABLE model_registry ADD COLUMN signature_sha256 TEXT;
