-- Versions that another service answers with, and gates that somebody who may approve overrode.
ALTER TABLE activation_history ADD COLUMN is_external INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activation_history ADD COLUMN overridden_gates TEXT;
ALTER TABLE activation_history ADD COLUMN override_reason TEXT;
