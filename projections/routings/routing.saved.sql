-- Minutes have three digits after the point: without it they are whole thousandths, whose sum is exact.
INSERT INTO routing_revisions (
    routing, revision, item, source, version, title, notes, setup_minutes, run_minutes, operations, evidence,
    saved_at, saved_by, reason, position
)
SELECT
    :routing, :revision, :item, :source, :version, :title, :notes,
    printf('%d.%03d', setup / 1000, setup % 1000), printf('%d.%03d', run / 1000, run % 1000),
    :content -> 'operations', :content -> 'evidence', :recorded_at, :actor, :reason, :position
FROM (
    SELECT
        coalesce(sum(CAST(replace(value ->> 'setup_minutes', '.', '') AS INTEGER)), 0) AS setup,
        coalesce(sum(CAST(replace(value ->> 'run_minutes', '.', '') AS INTEGER)), 0) AS run
    FROM json_each(:content -> 'operations')
);

INSERT INTO routings (
    routing, item, status, revision, stream_version, source, version, title, notes, setup_minutes, run_minutes,
    operations, evidence, saved_at, saved_by, reason, first_position, position
)
SELECT
    routing, item, 'saved', revision, :stream_version, source, version, title, notes, setup_minutes, run_minutes,
    operations, evidence, saved_at, saved_by, reason, :position, :position
FROM routing_revisions
WHERE routing = :routing AND revision = :revision
ON CONFLICT (routing) DO UPDATE SET
    revision = excluded.revision,
    stream_version = excluded.stream_version,
    source = excluded.source,
    version = excluded.version,
    title = excluded.title,
    notes = excluded.notes,
    setup_minutes = excluded.setup_minutes,
    run_minutes = excluded.run_minutes,
    operations = excluded.operations,
    evidence = excluded.evidence,
    saved_at = excluded.saved_at,
    saved_by = excluded.saved_by,
    reason = excluded.reason,
    position = excluded.position;
