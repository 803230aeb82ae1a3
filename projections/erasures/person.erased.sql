INSERT INTO erasures (position, event, subject, scope, basis, recorded_at, actor, reason)
VALUES (:position, 'person erased', :subject, :scope, :basis, :recorded_at, :actor, :reason);
