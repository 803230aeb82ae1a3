/// Who stands at the other end of the local socket, as the kernel says.
package struct PeerCredentials: Sendable, Equatable {
    /// The process, when it connected.
    package let process: Int32
    /// Its effective user.
    package let user: UInt32
    /// Its effective group.
    package let group: UInt32

    /// Credentials by their numbers.
    package init(process: Int32, user: UInt32, group: UInt32) {
        self.process = process
        self.user = user
        self.group = group
    }
}

/// What is known of the connection that a request came by.
package struct Connection: Sendable, Equatable {
    /// The client's IP address, or nil on the local socket.
    package let address: String?
    /// The kernel's word on the other end, on the local socket only.
    package let peer: PeerCredentials?
    /// Whether TLS protects it.
    package let isSecure: Bool

    /// A connection as the listener saw it.
    package init(address: String?, peer: PeerCredentials?, isSecure: Bool) {
        self.address = address
        self.peer = peer
        self.isSecure = isSecure
    }

    /// The connection whose requests this task answers.
    ///
    /// Outside of a listener (tests in process) an insecure one without an address.
    @TaskLocal package static var current = Connection(address: nil, peer: nil, isSecure: false)
}
