-- Only a correction of the last entry changes how much remains.
UPDATE tasks
SET
    corrections = corrections + 1,
    remaining = iif(:entry = entries, :remaining, remaining),
    position = :position
WHERE task = :task;
