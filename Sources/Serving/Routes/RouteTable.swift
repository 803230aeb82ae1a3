/// All routes of a service: finds the one for a request, and is what the documentation and the tests of rights read.
///
/// The finder is a tree of segments. A fixed word goes before a parameter; two routes of the same method and shape are a fault
/// of the program.
package struct RouteTable: Sendable {
    /// The routes in the order they were given.
    package let routes: [Route]
    private let root: Node

    private final class Building {
        var words: [String: Building] = [:]
        var parameter: Building?
        var routes: [Method: Int] = [:]

        var frozen: Node {
            Node(words: words.mapValues(\.frozen), parameter: parameter.map { [$0.frozen] } ?? [], routes: routes)
        }
    }

    private struct Node: Sendable {
        let words: [String: Node]
        /// None or one; an array only because a struct cannot hold itself.
        let parameter: [Node]
        let routes: [Method: Int]
    }

    /// What a path leads to.
    package enum Match: Sendable {
        /// A route, and the values of its path's parameters in their order.
        case route(Route, [String])
        /// The path is there for other methods.
        case otherMethods([Method])
        case nothing
    }

    /// The table of these routes.
    package init(_ routes: [Route]) {
        let root = Building()
        for (index, route) in routes.enumerated() {
            var node = root
            var names: [String] = []
            for segment in route.path.split(separator: "/") {
                let isParameter = segment.first == "{" && segment.last == "}"
                if isParameter { names.append(String(segment.dropFirst().dropLast())) }
                let next = (isParameter ? node.parameter : node.words[String(segment)]) ?? Building()
                if isParameter { node.parameter = next } else { node.words[String(segment)] = next }
                node = next
            }
            precondition(names == route.pathParameters.map(\.name), "\(route.path) declares the parameters of its path")
            let before = node.routes.updateValue(index, forKey: route.method)
            precondition(before == nil, "\(route.method.rawValue) \(route.path) stands twice in the table")
        }
        self.routes = routes
        self.root = root.frozen
    }

    /// A path as a line of the log may show it: the words that a route's own path has there, a star for anything else.
    ///
    /// What no route knows can be anything, a secret that was typed into the wrong place among it.
    func shown(_ path: String) -> String {
        var node: Node? = root
        let words = path.split(separator: "/").prefix(16).map { segment in
            let known = node?.words[String(segment)]
            node = known ?? node?.parameter.first
            return known == nil ? "*" : String(segment)
        }
        return "/" + words.joined(separator: "/")
    }

    /// The route for a method and the segments of a path.
    package func find(_ method: Method, _ segments: [String]) -> Match {
        var others: Set<Method> = []
        if let (index, values) = find(segments[...], from: root, method: method, values: [], others: &others) {
            return .route(routes[index], values)
        }
        return others.isEmpty ? .nothing : .otherMethods(Method.allCases.filter(others.contains))
    }

    private func find(
        _ segments: ArraySlice<String>,
        from node: Node,
        method: Method,
        values: [String],
        others: inout Set<Method>
    ) -> (Int, [String])? {
        guard let segment = segments.first else {
            others.formUnion(node.routes.keys)
            return node.routes[method].map { ($0, values) }
        }
        let rest = segments.dropFirst()
        if let word = node.words[segment],
            let found = find(rest, from: word, method: method, values: values, others: &others)
        {
            return found
        }
        guard let parameter = node.parameter.first else { return nil }
        return find(rest, from: parameter, method: method, values: values + [segment], others: &others)
    }
}
