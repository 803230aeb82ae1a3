/// The rule that keeps other sites' pages from acting with a person's cookie.
///
/// No tokens: a browser says itself where a request comes from, and no page of another site can set `X-Daybook`.
package struct CrossSite: Sendable {
    /// The fields that it looks at.
    package struct Evidence: Sendable, Equatable {
        /// `Sec-Fetch-Site`.
        package var fetchSite: String?
        /// `Origin`.
        package var origin: String?
        /// `X-Daybook`.
        package var mark: String?
        /// Scheme and authority of this service as the request names it: `https://daybook.plant:7443`.
        package var ownOrigin: String

        /// Evidence of one request.
        package init(fetchSite: String? = nil, origin: String? = nil, mark: String? = nil, ownOrigin: String) {
            self.fetchSite = fetchSite
            self.origin = origin
            self.mark = mark
            self.ownOrigin = ownOrigin
        }
    }

    /// Why a request is refused, as a sentence, or nil.
    ///
    /// With a cookie: an unsafe method needs `Sec-Fetch-Site: same-origin` or, without that field, our own `Origin`, and in any
    /// case `X-Daybook: 1`; a safe one must not name a foreign `Origin`. Without any credential (login, sign-up): what a browser
    /// says of the request's source must be this service. A bearer or the local socket is no browser's doing and exempt.
    package static func fault(
        isUnsafe: Bool,
        credential: Credential?,
        _ gathered: @autoclosure () -> Evidence
    ) -> String? {
        switch credential {
        case .bearer, .peer: return nil
        case nil where !isUnsafe: return nil
        case .cookie, nil: break
        }
        let evidence = gathered()
        if let origin = evidence.origin, origin != evidence.ownOrigin {
            return "The Origin field names another site."
        }
        guard isUnsafe else { return nil }
        if let site = evidence.fetchSite, site != "same-origin" {
            return "Sec-Fetch-Site says that another site or window sent the request."
        }
        guard credential != nil else { return nil }
        if evidence.fetchSite == nil, evidence.origin == nil {
            return "Neither Sec-Fetch-Site nor Origin says where the request comes from."
        }
        return evidence.mark == "1" ? nil : "The field X-Daybook: 1 is missing."
    }
}
