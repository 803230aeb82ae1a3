-- A run may go on from another one: which, and which of its steps that one made.
ALTER TABLE trainings ADD COLUMN resumed_from TEXT;
ALTER TABLE training_steps ADD COLUMN reused_from TEXT;
