/// An inference worker began to work.
package struct InferenceJoined: DomainEvent {
    package var worker: String
    package var instance: String
    package var host: String
    package var program: String

    package init(worker: String, instance: String, host: String, program: String) {
        self.worker = worker
        self.instance = instance
        self.host = host
        self.program = program
    }

    package static let about = EventAbout(
        "inference.joined",
        summary: "inference worker {worker} joined on {host}",
        object: "worker",
        notes: [
            "worker": "identifier of the worker, for example line-3",
            "instance": "UUID of this run of it: another run has another one",
            "host": "name of its machine",
            "program": "name and version of its program",
        ]
    )
}

/// An inference worker ended in order.
package struct InferenceLeft: DomainEvent {
    package var worker: String
    package var instance: String

    package init(worker: String, instance: String) {
        self.worker = worker
        self.instance = instance
    }

    package static let about = EventAbout(
        "inference.left",
        summary: "inference worker {worker} left",
        object: "worker",
        notes: ["worker": "identifier of the worker", "instance": "UUID of the run that ended"]
    )
}

/// An inference worker said nothing for too long; it joins anew when it is back.
package struct InferenceLost: DomainEvent {
    package var worker: String
    package var instance: String
    package var silentSeconds: Int

    package init(worker: String, instance: String, silentSeconds: Int) {
        self.worker = worker
        self.instance = instance
        self.silentSeconds = silentSeconds
    }

    package static let about = EventAbout(
        "inference.lost",
        summary: "inference worker {worker} was lost: nothing from it for {silent_seconds} s",
        object: "worker",
        notes: [
            "worker": "identifier of the worker",
            "instance": "UUID of the run that fell silent",
            "silent_seconds": "seconds since its last report",
        ]
    )
}

/// An inference worker verified a model version, loaded it, and answers with it from now on.
package struct InferenceLoaded: DomainEvent {
    package var worker: String
    package var version: String
    package var manifestSha256: String
    package var indexHandle: String
    package var loadMs: Int
    package var warnings: String?

    package init(
        worker: String,
        version: String,
        manifestSha256: String,
        indexHandle: String,
        loadMs: Int,
        warnings: String? = nil
    ) {
        self.worker = worker
        self.version = version
        self.manifestSha256 = manifestSha256
        self.indexHandle = indexHandle
        self.loadMs = loadMs
        self.warnings = warnings
    }

    package static let about = EventAbout(
        "inference.loaded",
        version: 2,
        summary: "inference worker {worker} answers with {version}",
        object: "worker",
        notes: [
            "worker": "identifier of the worker",
            "version": "the model version",
            "manifest_sha256": "digest of the manifest that it verified the files against",
            "index_handle": "what the loaded index is known by in the worker's own log",
            "load_ms": "milliseconds from the order to the first answer",
            "warnings":
                "what the loader remarked without refusing the version, each on a line; absent where there was nothing",
        ]
    )
}

/// An inference worker could not load a model version; it goes on answering with what it had.
package struct InferenceLoadFailed: DomainEvent {
    package var worker: String
    package var version: String
    package var problem: String
    package var message: String

    package init(worker: String, version: String, problem: String, message: String) {
        self.worker = worker
        self.version = version
        self.problem = problem
        self.message = message
    }

    package static let about = EventAbout(
        "inference.load_failed",
        summary: "inference worker {worker} could not load {version}: {message}",
        object: "worker",
        notes: [
            "worker": "identifier of the worker",
            "version": "the model version",
            "problem": "stable word for what went wrong",
            "message": "what went wrong, one sentence",
        ]
    )
}

/// The predictions of a model version were held against what the plant then needed.
package struct InferenceAccuracyMeasured: DomainEvent {
    package var version: String
    package var worker: String
    package var samples: Int
    package var medianApePercent: String
    package var efSearch: Int

    package init(version: String, worker: String, samples: Int, medianApePercent: String, efSearch: Int) {
        self.version = version
        self.worker = worker
        self.samples = samples
        self.medianApePercent = medianApePercent
        self.efSearch = efSearch
    }

    /// The stream of a version's measurements.
    package static func stream(_ version: String) -> String { "accuracy-\(version)" }

    package static let about = EventAbout(
        "inference.accuracy_measured",
        summary: "the median error of {version} was {median_ape_percent} % over {samples} operations",
        object: "version",
        notes: [
            "version": "the model version",
            "worker": "identifier of the worker that measured",
            "samples": "operations that were compared",
            "median_ape_percent": "median absolute percentage error of the total times, one digit after the point",
            "ef_search": "breadth of the search in force while it predicted",
        ]
    )
}
