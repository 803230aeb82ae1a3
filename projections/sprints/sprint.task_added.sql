UPDATE sprints
SET tasks = tasks + 1, outstanding = outstanding + 1, position = :position
WHERE sprint = :sprint;
