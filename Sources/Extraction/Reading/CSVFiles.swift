internal import Foundation

/// The files of a folder that are tables.
enum CSVFiles {
    /// The names of its `.csv` files, in the order of their bytes.
    ///
    /// Throws ``ExtractionFault`` where there is none.
    static func names(in folder: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.lowercased().hasSuffix(".csv") && !$0.hasPrefix(".") }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard !names.isEmpty else {
            throw ExtractionFault(
                .empty,
                "\(folder) holds no .csv file",
                hint: "put each table into a file of its name, such as ItemMaster.csv",
                file: folder
            )
        }
        return names
    }
}
