/// One metric: its name and everything that a reader must know of it.
///
/// Only the catalogue makes one, and only with one can a metric be made: there is no name that no page explains.
package struct MetricDefinition: Sendable, Hashable {
    /// What Prometheus calls its type.
    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
        case summary
    }

    /// Its name, with the unit at its end as Prometheus has it.
    package let name: String
    package let kind: Kind
    /// The unit in words: `seconds`, `bytes`, `requests`.
    package let unit: String
    /// The names of its labels in their order.
    package let labels: [String]
    /// What it tells, in one sentence.
    package let meaning: String

    fileprivate init(_ name: String, _ kind: Kind, _ unit: String, _ labels: [String] = [], _ meaning: String) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.labels = labels
        self.meaning = meaning
    }
}

/// Every metric of the program: the one list, from which the page of reference is printed.
package enum MetricCatalogue {
    /// All of them in the order of the page and of a scrape.
    package static let all: [MetricDefinition] = [
        .buildInfo, .activeVersion, .requests, .requestSeconds, .recentRequestSeconds, .requestsInFlight, .connections,
        .refusedConnections, .requestLogLines, .requestLogDropped, .requestLogWaiting, .logEvents, .appends,
        .appendSeconds, .projectionLag, .projectionParked, .feedSubscribers, .feedDropped, .alertsOpen, .diskFree,
        .diskSize, .bucketBytes, .lostMinutes, .siemPosition, .sourceReadings, .cacheLookups, .cacheEntries,
        .cacheLimit,
        .memory, .cpu, .openFiles, .mostFiles, .started,
    ]

    /// The metric of a name; nil where none has it.
    package static func definition(named name: String) -> MetricDefinition? { byName[name] }

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
}

extension MetricDefinition {
    /// Which program runs.
    package static let buildInfo = Self(
        "daybook_build_info",
        .gauge,
        "1",
        ["version"],
        "Always 1; its label is the program's version."
    )
    /// Which version of the model is active.
    package static let activeVersion = Self(
        "daybook_active_version_info",
        .gauge,
        "1",
        ["version"],
        "Always 1; its label is the active model version. Absent before the first activation."
    )
    /// Requests answered.
    package static let requests = Self(
        "daybook_requests_total",
        .counter,
        "requests",
        ["method", "route", "status"],
        "Requests answered, refused ones among them, by method, route and class of status (2xx). Route none: no route has that path, or the head could not be read."
    )
    /// How long requests took.
    package static let requestSeconds = Self(
        "daybook_request_seconds",
        .histogram,
        "seconds",
        ["method", "route"],
        "Time from a request's head to the first byte of its answer, since the start."
    )
    /// How long the last requests took.
    package static let recentRequestSeconds = Self(
        "daybook_request_recent_seconds",
        .summary,
        "seconds",
        ["method", "route"],
        "The same times: p50, p95 and p99 of the last five to ten minutes, within 9.1 %; NaN where there was none."
    )
    /// Requests being answered.
    package static let requestsInFlight = Self(
        "daybook_requests_in_flight",
        .gauge,
        "requests",
        "Requests being answered now, streams among them."
    )
    /// Open connections.
    package static let connections = Self("daybook_connections", .gauge, "connections", "Open connections.")
    /// Refused connections.
    package static let refusedConnections = Self(
        "daybook_connections_refused_total",
        .counter,
        "connections",
        "Connections closed at once because there were as many as limits.connections or limits.connections-per-address allow."
    )
    /// Lines of the request log.
    package static let requestLogLines = Self(
        "daybook_request_log_lines_total",
        .counter,
        "lines",
        "Lines written to the request log."
    )
    /// Lines that the request log has lost.
    package static let requestLogDropped = Self(
        "daybook_request_log_dropped_total",
        .counter,
        "lines",
        "Lines of the request log that were given up because the disk did not take them and the buffer was full."
    )
    /// What waits for the disk.
    package static let requestLogWaiting = Self(
        "daybook_request_log_waiting_bytes",
        .gauge,
        "bytes",
        "Bytes of the request log that wait for the disk."
    )
    /// The size of the log.
    package static let logEvents = Self(
        "daybook_log_events",
        .gauge,
        "events",
        "Events in the log: the position that the next one gets."
    )
    /// Appends.
    package static let appends = Self(
        "daybook_appends_total",
        .counter,
        "commands",
        ["outcome"],
        "Commands that this server took to the log, by outcome: stored, or the code of the error."
    )
    /// How long appends took.
    package static let appendSeconds = Self(
        "daybook_append_seconds",
        .histogram,
        "seconds",
        "Time from handing a command's events to the log until the disk has them."
    )
    /// How far projections are behind.
    package static let projectionLag = Self(
        "daybook_projection_lag_events",
        .gauge,
        "events",
        ["projection"],
        "Events that a projection has still to take."
    )
    /// Projections that stand.
    package static let projectionParked = Self(
        "daybook_projection_parked",
        .gauge,
        "1",
        ["projection"],
        "1 where the projection is parked in front of an event that it could not take, else 0."
    )
    /// Subscribers of the feed.
    package static let feedSubscribers = Self(
        "daybook_feed_subscribers",
        .gauge,
        "subscribers",
        "Programs that follow the feed of events now."
    )
    /// Subscribers that were too slow.
    package static let feedDropped = Self(
        "daybook_feed_dropped_total",
        .counter,
        "subscribers",
        "Subscribers of the feed that were let go because they did not read."
    )
    /// Open alerts.
    package static let alertsOpen = Self(
        "daybook_alerts_open",
        .gauge,
        "alerts",
        ["severity"],
        "Alerts that are open, by severity."
    )
    /// How a plant's tables came to the newest trainings.
    package static let sourceReadings = Self(
        "daybook_source_readings",
        .gauge,
        "readings",
        ["tables"],
        "Of the newest 100 readings of a source by trainings: those that found it unchanged and its tables kept, and those that read them."
    )
    /// Look-ups in a worker's caches.
    package static let cacheLookups = Self(
        "daybook_cache_lookups_total",
        .counter,
        "lookups",
        ["cache", "result"],
        "Look-ups in a worker's caches, from 0 again with each version that it loads: what was there, and what was not."
    )
    /// Entries of a worker's caches.
    package static let cacheEntries = Self(
        "daybook_cache_entries",
        .gauge,
        "entries",
        ["cache"],
        "Entries that a worker's cache holds."
    )
    /// Room of a worker's caches.
    package static let cacheLimit = Self(
        "daybook_cache_limit_entries",
        .gauge,
        "entries",
        ["cache"],
        "Entries that a worker's cache may hold."
    )
    /// Free disk.
    package static let diskFree = Self(
        "daybook_disk_free_bytes",
        .gauge,
        "bytes",
        "Bytes of the home's disk that this user may still fill."
    )
    /// All of the disk.
    package static let diskSize = Self("daybook_disk_size_bytes", .gauge, "bytes", "Bytes of the home's disk in all.")
    /// The series' own size.
    package static let bucketBytes = Self(
        "daybook_metric_bucket_bytes",
        .gauge,
        "bytes",
        "Bytes of all buckets of the series in data/state.db, as of the last full minute; bounded at 20 MiB."
    )
    /// Minutes that were given up.
    package static let lostMinutes = Self(
        "daybook_metric_minutes_lost_total",
        .counter,
        "minutes",
        "Minutes of the series that were given up because data/state.db could not be written for two hours."
    )
    /// How far the file for a SIEM has come.
    package static let siemPosition = Self(
        "daybook_siem_position",
        .gauge,
        "events",
        "Events that stand in logs/siem.log and its older files. Absent where the setting is off."
    )
    /// Memory.
    package static let memory = Self(
        "process_resident_memory_bytes",
        .gauge,
        "bytes",
        "Memory of this process that is in RAM."
    )
    /// Time on processors.
    package static let cpu = Self(
        "process_cpu_seconds_total",
        .counter,
        "seconds",
        "Time of processors that this process has used, user and system."
    )
    /// Open files.
    package static let openFiles = Self("process_open_fds", .gauge, "files", "Open file descriptors of this process.")
    /// How many files may be open.
    package static let mostFiles = Self(
        "process_max_fds",
        .gauge,
        "files",
        "How many file descriptors this process may have."
    )
    /// When it started.
    package static let started = Self(
        "process_start_time_seconds",
        .gauge,
        "seconds",
        "When this process started, in seconds since 1970."
    )

    fileprivate init(_ name: String, _ kind: Kind, _ unit: String, _ meaning: String) {
        self.init(name, kind, unit, [], meaning)
    }
}
