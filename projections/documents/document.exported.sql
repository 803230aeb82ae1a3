INSERT INTO documents (
    position, event, path, kind, format, sha256, size_bytes, from_position, to_position, filter, entries,
    names, named, recorded_at, actor, reason
) VALUES (
    :position, 'exported', :file, :kind, :format, :sha256, :size_bytes, :from_position, :to_position, :filter, :entries,
    :names, :named, :recorded_at, :actor, :reason
);
