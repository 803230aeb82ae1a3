package import Accounts
package import CommandHandling
package import EventStore
package import Metering
package import ModelIntake
package import Projecting
internal import RoutingDomain
package import SignIn

/// What the routes work with: one open home.
///
/// Everything is handed in; nothing here opens or closes a file of the home.
package struct ControlHome: Sendable {
    /// The log, for reading and for proofs; what is appended goes through ``commands``.
    package let log: LMDBEventLog
    /// The one way to change anything.
    package let commands: CommandHandler
    /// Credentials, names and last uses.
    package let people: People
    /// Lets people in and out.
    package let doorkeeper: Doorkeeper
    /// Signs tokens.
    package let keys: TokenKeyring
    /// Says who a token stands for.
    package let gate: Gate
    /// What the tokens' side has read of the log: roles and sessions as they are now.
    package let feed: AccessFeed
    /// When sessions were used last.
    package let uses: SessionUse
    /// Answers from the read models.
    package let registry: Registry
    /// Brings the read models up and opens them as of a moment.
    package let projector: Projector
    /// Model folders: staged, registered, read back.
    package let models: ModelStore
    /// The long works.
    package let jobs: JobBoard
    /// The log as it grows, for whoever listens.
    package let events: Feed
    /// How every part fared when it was last looked at.
    package let health: HealthBoard
    /// What the inference workers say of themselves.
    package let workers: WorkerReports
    /// What an activation is held to.
    package let activation: ActivationPolicy
    /// Passes requests on to workers; nil where nobody can.
    package let calling: WorkerCalling?
    /// What the service says of itself: lines, numbers.
    package let observation: Observation
    /// What is done by the clock.
    package let plan: SchedulePlan
    /// The name that people see for a pseudonym.
    package let name: @Sendable (String) -> String
    /// The program's version.
    package let version: String
    let answers = RememberedAnswers()
    let numbers: PlantNumbers

    /// The parts of one home.
    package init(
        log: LMDBEventLog,
        commands: CommandHandler,
        people: People,
        doorkeeper: Doorkeeper,
        keys: TokenKeyring,
        gate: Gate,
        feed: AccessFeed,
        uses: SessionUse,
        registry: Registry,
        projector: Projector,
        models: ModelStore,
        jobs: JobBoard,
        events: Feed,
        health: HealthBoard = HealthBoard(),
        workers: WorkerReports = WorkerReports(),
        activation: ActivationPolicy = ActivationPolicy(),
        calling: WorkerCalling? = nil,
        observation: Observation,
        plan: SchedulePlan,
        name: @escaping @Sendable (String) -> String,
        version: String
    ) {
        self.log = log
        self.commands = commands
        self.people = people
        self.doorkeeper = doorkeeper
        self.keys = keys
        self.gate = gate
        self.feed = feed
        self.uses = uses
        self.registry = registry
        self.projector = projector
        self.models = models
        self.jobs = jobs
        self.events = events
        self.health = health
        self.workers = workers
        self.activation = activation
        self.calling = calling
        self.observation = observation
        self.plan = plan
        self.name = name
        self.version = version
        numbers = PlantNumbers(log, projector, observation.metrics, version: version)
    }

    var now: Timestamp { Timestamp(microseconds: commands.clock.wall) }

    /// Runs what blocks (the log, `state.db`) off Swift's own threads.
    func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await BlockingWork.run(body)
    }
}
