-- What the loader remarked of the version that a worker answers with.
ALTER TABLE inference_workers ADD COLUMN warnings TEXT;
