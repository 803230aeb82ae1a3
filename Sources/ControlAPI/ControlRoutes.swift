package import Serving

/// Every route of the API of one home.
package enum ControlRoutes {
    /// The routes over a home; the service's own pages come beside them.
    package static func all(_ home: ControlHome) -> [Route] {
        AuthRoutes(home: home).all + UserRoutes(home: home).all + ConfigRoutes(home: home).all
            + EventRoutes(home: home).all
            + CommandRoutes(home: home).all
    }

    /// The problems that they name, beside the service's own.
    package static let catalogue = ProblemCatalogue(adding: ControlProblems.kinds)
}
