/// What a simulated site consists of, before chance is asked.
package struct SiteConfiguration: Sendable {
  /// Which release each HA pair runs; both servers of a pair always run the same.
  package enum Layouts: Sendable, Hashable {
    /// 2.15, 2.12, 2.17 in turn over the pairs.
    case mixed
    case uniform(Layout)

    /// `mixed`, or a release as `Layout` names it.
    package init(parsing text: String) throws(SiteProblem) {
      if text == "mixed" {
        self = .mixed
      } else if let layout = Layout(rawValue: text) {
        self = .uniform(layout)
      } else {
        let known = Layout.allCases.map(\.rawValue).joined(separator: ", ")
        throw SiteProblem("\"\(text)\" is no layout; possible: mixed, \(known)")
      }
    }

    func layout(ofPair pair: Int) -> Layout {
      switch self {
      case .uniform(let layout): layout
      case .mixed: [Layout.lustre2_15, .lustre2_12, .lustre2_17][pair % 3]
      }
    }
  }

  package enum Backend: String, Sendable { case ldiskfs, zfs }

  package struct FileSystem: Sendable {
    /// 1 to 8 of `[A-Za-z0-9_-]`.
    package var name: String
    package var metadataTargets: Int
    package var objectTargetsPerServer: Int
    package var objectBackend: Backend
    package var objectTargetBytes: UInt64
  }

  package enum Load: Sendable {
    /// Checkpoints, bursts, metadata storms, a hot OST, idle clients.
    case believable
    /// Every counter grows by an exactly known constant rate.
    case steady
  }

  package var servers: Int
  package var clients: Int
  package var layouts: Layouts
  package var load: Load
  package var fileSystems: [FileSystem]

  /// Servers beyond this have no room in the address plan of `SitePlan`.
  package static let greatestServerCount = 400
  /// Clients beyond this have no room in the address plan of `SitePlan`.
  package static let greatestClientCount = 20_000

  /// The demo's site: an HA pair of metadata servers, the rest pairs of object storage servers.
  package static func standard(
    servers: Int = 6, clients: Int = 40, layouts: Layouts = .mixed
  ) throws(SiteProblem) -> SiteConfiguration {
    let configuration = SiteConfiguration(
      servers: servers, clients: clients, layouts: layouts, load: .believable,
      fileSystems: [
        FileSystem(
          name: "scratch", metadataTargets: 2, objectTargetsPerServer: 2, objectBackend: .ldiskfs,
          objectTargetBytes: 64 << 40),
        FileSystem(
          name: "home", metadataTargets: 1, objectTargetsPerServer: 1, objectBackend: .zfs,
          objectTargetBytes: 24 << 40),
      ])
    try configuration.check()
    return configuration
  }

  /// The same site under a load whose every rate `SimulatedSite.expectedRates(of:)` knows.
  package static func steady(
    servers: Int = 4, clients: Int = 8, layouts: Layouts = .mixed
  ) throws(SiteProblem) -> SiteConfiguration {
    var configuration = try standard(servers: servers, clients: clients, layouts: layouts)
    configuration.load = .steady
    return configuration
  }

  func check() throws(SiteProblem) {
    guard servers >= 4, servers.isMultiple(of: 2), servers <= Self.greatestServerCount else {
      throw SiteProblem(
        "\(servers) servers do not make HA pairs: the number is even, 4 to \(Self.greatestServerCount)"
      )
    }
    guard (1...Self.greatestClientCount).contains(clients) else {
      throw SiteProblem("\(clients) clients: possible are 1 to \(Self.greatestClientCount)")
    }
  }
}

/// Why a site can not be simulated so, in one sentence for the person who asked.
package struct SiteProblem: Error, Hashable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}
