internal import DurableFiles
internal import Mustache

/// The Mustache templates of the documents.
package struct DocumentTemplates: Sendable {
    let logbookDay: MustacheTemplate
    let tasklist: MustacheTemplate

    /// The templates that ship with the program; throws as ``init(folder:)`` does.
    package static func bundled() throws -> DocumentTemplates {
        try DocumentTemplates(folder: "\(ProjectionSet.programFolder)/Templates")
    }

    /// Reads the templates of a folder; throws `FileFault` if one is missing, and Mustache's error naming a faulty place.
    package init(folder: String) throws {
        func template(_ name: String) throws -> MustacheTemplate {
            let bytes = try DurableFile.read("\(folder)/\(name).mustache", limit: 1 << 20)
            return try MustacheTemplate(string: String(decoding: bytes, as: UTF8.self))
        }
        logbookDay = try template("logbook-day")
        tasklist = try template("tasklist")
    }
}
