import Protocol

/// Which lives of an agent's process spoke for one server lately, and whether two of them live at
/// once: then the agent's state directory was copied, and whatever is said of the server may be said
/// of either machine.
///
/// A process that ended never speaks again, so a life that comes back after another took its place is
/// the proof. A restart and a reboot begin a new life and leave the old one; a reconnect, over
/// whatever interface or address, is the same life all along.
struct IdentityUse: Sendable {
  /// One life of an agent's process, as it last introduced itself.
  struct Life: Hashable, Codable, Sendable {
    var boot: BootID
    var incarnation: String
    var hostname: String
    /// Where its session came from, without the port.
    var address: String

    func isSame(as other: Life) -> Bool {
      boot == other.boot && incarnation == other.incarnation
    }
  }

  /// Two lives at once. Times are of the manager's monotonic clock.
  struct Sharing: Hashable, Codable, Sendable {
    /// The one that came back, and the one that had replaced it.
    var lives: [Life]
    var since: Int64
    var last: Int64
  }

  struct Seen: Hashable, Codable, Sendable {
    var life: Life
    /// The agent's boot clock when it said hello; `nil` when not told.
    var sent: Int64?
  }

  /// A dozen copies of one golden image are seen; a restart loop grows nothing.
  private static let livesKept = 16

  /// Each life once, the last to speak at the end.
  private var recent: [Seen] = []
  private var sharing: Sharing?
  /// When a life last took over from another that was still speaking. An ordinary restart or reboot
  /// follows a silence, or the end of the other's connection.
  private var takeover: Int64?

  /// `ADDRESS:PORT` without the port, which is another one each time.
  static func host(of address: String) -> String {
    address.lastIndex(of: ":").map { String(address[..<$0]) } ?? address
  }

  /// What holds at `now`: a sharing ends when no life has come back for `quiet` nanoseconds.
  func sharing(at now: Int64, quiet: Int64) -> Sharing? {
    guard let sharing, now - sharing.last < quiet else { return nil }
    return sharing
  }

  /// Whether, not `limit` nanoseconds ago, a life took over from another that was still speaking:
  /// perhaps a copy, which is proven only when the other comes back.
  func tookOver(at now: Int64, within limit: Int64) -> Bool {
    takeover.map { now - $0 < limit } ?? false
  }

  /// What is written down; `nil` when nothing is known. Its times are of the wall clock.
  func kept(at now: Moment) -> KeptIdentityUse? {
    guard !recent.isEmpty else { return nil }
    return KeptIdentityUse(
      recent: recent,
      sharing: sharing.map {
        Sharing(
          lives: $0.lives, since: now.wall(ofMonotonic: $0.since),
          last: now.wall(ofMonotonic: $0.last))
      }, takeover: takeover.map { now.wall(ofMonotonic: $0) })
  }

  init() {}

  /// Goes on where an earlier manager stopped: a life that it saw replaced proves a copy when it comes
  /// back now.
  init(_ kept: KeptIdentityUse, at now: Moment) {
    recent = kept.recent.suffix(Self.livesKept)
    sharing = kept.sharing.map {
      Sharing(
        lives: $0.lives, since: now.monotonic(ofWall: $0.since),
        last: now.monotonic(ofWall: $0.last))
    }
    takeover = kept.takeover.map { now.monotonic(ofWall: $0) }
  }

  /// A session of a life opened. `sent` is the agent's boot clock when it said hello; `interrupts` is
  /// true when the session before was open and had been heard a moment ago.
  mutating func opened(
    _ life: Life, sent: Int64?, interrupts: Bool = false, quiet: Int64, at now: Int64
  ) {
    if interrupts, let last = recent.last, !last.life.isSame(as: life) { takeover = now }
    defer {
      recent.removeAll { $0.life.isSame(as: life) }
      recent.append(Seen(life: life, sent: sent))
      if recent.count > Self.livesKept { recent.removeFirst() }
    }
    guard let last = recent.last, !last.life.isSame(as: life),
      recent.contains(where: { $0.life.isSame(as: life) })
    else { return }
    // Within one boot a hello may arrive late, after that of the process that followed: the older
    // clock tells. Clocks of two boots are not to be compared.
    if last.life.boot == life.boot, let sent, let after = last.sent, sent <= after { return }
    sharing = Sharing(
      lives: [life, last.life], since: sharing(at: now, quiet: quiet)?.since ?? now, last: now)
  }
}

extension IdentityUse {
  /// The last to speak said that it stops. Of two lives one is left then, and a process that has ended
  /// never speaks again: if it does nevertheless, it is a new life that takes over.
  mutating func stopped() {
    guard let last = recent.popLast() else { return }
    if sharing?.lives.contains(where: { $0.isSame(as: last.life) }) == true { sharing = nil }
  }
}

/// Who spoke for a server, as it is written down. Times are of the wall clock, nanoseconds.
package struct KeptIdentityUse: Hashable, Codable, Sendable {
  var recent: [IdentityUse.Seen]
  var sharing: IdentityUse.Sharing?
  var takeover: Int64?
}

extension ReportedServer {
  /// Why nothing that this server's agent says can be laid to one machine; `nil` when it can.
  func identityTrouble(at now: Int64, _ policy: StatePolicy) -> String? {
    guard let sharing = identity.sharing(at: now, quiet: policy.sharedIdentityNanoseconds) else {
      return identity.tookOver(at: now, within: policy.takeoverNanoseconds)
        ? "another agent took over from \(name)'s while that was still speaking" : nil
    }
    var places = sharing.lives.map { "\($0.hostname) at \($0.address)" }
    if Set(places).count < places.count {
      places = sharing.lives.map {
        "process \($0.incarnation.prefix(8)) of boot \($0.boot.text.prefix(8))"
      }
    }
    places.sort()
    return "two agents speak as \(name): \(places.joined(separator: " and "))"
  }
}
