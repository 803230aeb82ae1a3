internal import GRDB
internal import ReadModels
internal import RoutingDomain

/// A document that Daybook keeps in a home: where it stands, what last changed it, and what it says.
enum RenderedDocument: Equatable {
    case config(ConfigName)
    case tasklist
    /// `docs/sprint/logbook/YYYY-MM-DD.md`.
    case logbook(day: String)
    /// `logs/task_execution_YYYYMMDD.log`.
    case taskLog(day: String)

    /// The path in the home.
    var path: String {
        switch self {
        case .config(.runtime): "config/runtime_config.json"
        case .config(.trainer): "config/trainer_config.yaml"
        case .tasklist: "docs/Tasklist.md"
        case .logbook(let day): "docs/sprint/logbook/\(day).md"
        case .taskLog(let day): "logs/task_execution_\(day.filter { $0 != "-" }).log"
        }
    }

    /// The document that stands under a path.
    init?(path: String) {
        let fixed: [RenderedDocument] = [.config(.runtime), .config(.trainer), .tasklist]
        if let document = fixed.first(where: { $0.path == path }) {
            self = document
            return
        }
        guard let name = path.split(separator: "/").last else { return nil }
        let digits = name.filter(\.isNumber)
        guard digits.count == 8 else { return nil }
        let day = "\(digits.prefix(4))-\(digits.dropFirst(4).prefix(2))-\(digits.suffix(2))"
        for document in [RenderedDocument.logbook(day: day), .taskLog(day: day)] where document.path == path {
            self = document
            return
        }
        return nil
    }

    /// The day of a document of one day.
    var day: String? {
        switch self {
        case .logbook(let day), .taskLog(let day): day
        case .config, .tasklist: nil
        }
    }

    /// The last event that changed it; nil while there is nothing to show.
    func position(_ db: Database) throws -> Int? {
        switch self {
        case .config(let config):
            return try Int.fetchOne(db, sql: "SELECT max(position) FROM \(config.rawValue)_config")
        case .tasklist:
            let sources = ["tasks", "sprints", "approvals"]
            return try sources.compactMap { try Int.fetchOne(db, sql: "SELECT max(position) FROM \($0)") }.max()
        case .logbook(let day), .taskLog(let day):
            let sql = "SELECT max(position) FROM sprint_logbook WHERE day = ?"
            return try Int.fetchOne(db, sql: sql, arguments: [day])
        }
    }

    /// What it says.
    func text(_ db: Database, _ templates: DocumentTemplates, _ name: (String) -> String) throws -> String {
        switch self {
        case .config(let config): return try ConfigDocument(db, config).text()
        case .tasklist: return try TasklistDocument(db).text(templates)
        case .logbook(let day): return try DayDocument(db, day: day).markdown(templates, name)
        case .taskLog(let day): return try DayDocument(db, day: day).log(name)
        }
    }
}
