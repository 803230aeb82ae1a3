-- A task may outlive its sprint: outstanding goes on counting, outstanding_at_close stays as the closing recorded it.
UPDATE sprints
SET outstanding = outstanding - 1, position = :position
WHERE sprint = :sprint;
