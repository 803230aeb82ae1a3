-- Where a worker's last load and failure stand: an activation is done with a worker by what came after it.
ALTER TABLE inference_workers ADD COLUMN loaded_position INTEGER;
ALTER TABLE inference_workers ADD COLUMN failed_position INTEGER;
