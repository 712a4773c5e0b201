import Protocol

/// A load without chance: the same requests in each tick, different ones for each target so that a
/// mix-up of targets shows.
struct SteadyLoad: Sendable {
  private let perTick: [Deed]

  static let none = SteadyLoad(perTick: [])

  private init(perTick: [Deed]) { self.perTick = perTick }

  init(_ plan: SitePlan) {
    var deeds: [Deed] = []
    for (position, target) in plan.targets.enumerated() where target.kind != .mgt {
      for client in plan.clients.indices {
        for (operation, count, size) in Self.requests(target, position) {
          deeds.append(
            Deed(
              party: .client(client), target: position, operation: operation, count: count,
              size: size, spread: 0, job: ClientRole(client: client).job))
        }
      }
      guard target.kind == .ost else { continue }
      for sibling in plan.siblings(of: target, .mdt) {
        deeds.append(
          Deed(
            party: .target(sibling), target: position, operation: .statfs, count: 1, size: 90,
            spread: 0, job: nil))
      }
    }
    perTick = deeds
  }

  /// Requests of one client to one target in one tick.
  private static func requests(
    _ target: SitePlan.Target, _ position: Int
  ) -> [(Operation, UInt64, UInt64)] {
    let own = UInt64(position % 11) + 1
    return switch target.kind {
    case .ost:
      [
        (.writeBytes, own, 1 << 20), (.write, own, 1_400), (.readBytes, 2 * own, 256 << 10),
        (.read, 2 * own, 600), (.getattr, 1, 40), (.setattr, 1, 70), (.punch, own, 110),
        (.sync, 1, 2_000), (.statfs, 1, 60),
      ]
    default:
      [
        (.open, 2 + own, 120), (.close, 2 + own, 30), (.mknod, 1, 240), (.unlink, 1, 260),
        (.mkdir, 1, 300), (.rmdir, 1, 280), (.rename, 1, 350), (.samedirRename, 1, 350),
        (.getattr, 4 * own, 55), (.setattr, 2, 90), (.getxattr, 3, 45), (.setxattr, 1, 95),
        (.statfs, 1, 60), (.sync, 1, 1_500),
      ]
    }
  }

  func deeds(ticks: UInt64) -> [Deed] {
    perTick.map { deed in
      var deed = deed
      deed.count *= ticks
      return deed
    }
  }
}
