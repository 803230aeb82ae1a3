package import Serving

/// Every route of the API of one home.
package enum ControlRoutes {
    /// The routes over a home; the service's own pages come beside them.
    package static func all(_ home: ControlHome) -> [Route] {
        let groups: [[Route]] = [
            AuthRoutes(home: home).all,
            UserRoutes(home: home).all,
            ConfigRoutes(home: home).all,
            EventRoutes(home: home).all,
            ModelRoutes(home: home).all,
            ModelFileRoutes(home: home).all,
            ActivationRoutes(home: home).all,
            SnapshotRoutes(home: home).all,
            LogbookRoutes(home: home).all,
            TaskRoutes(home: home).all,
            SprintRoutes(home: home).all,
            ApprovalRoutes(home: home).all,
            ChangeRoutes(home: home).all,
            AuditRoutes(home: home).all,
            ProjectionRoutes(home: home).all,
            ServiceAccountRoutes(home: home).all,
            CommandRoutes(home: home).all,
            JobRoutes(home: home).all,
            JobStartRoutes(home: home).all,
            JobFileRoutes(home: home).all,
            HealthRoutes(home: home).all,
            AlertRoutes(home: home).all,
            InferenceRoutes(home: home).all,
            ForwardRoutes(home: home).all,
            MetricRoutes(home: home).all,
            ScheduleRoutes(home: home).all,
            TrainingRoutes(home: home).all,
            MappingRoutes(home: home).all,
            RoutingRoutes(home: home).all,
        ]
        return groups.flatMap(\.self)
    }

    /// The problems that they name, beside the service's own.
    package static let catalogue = ProblemCatalogue(adding: ControlProblems.kinds)
}
