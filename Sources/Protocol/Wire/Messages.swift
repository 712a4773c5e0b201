/// The numbers of the messages. A number is never given to another message.
package enum MessageType: UInt8, CaseIterable, Sendable {
  // control
  case hello = 1
  case welcome = 2
  case heartbeat = 3
  case acknowledge = 4
  case goodbye = 5
  case digests = 6
  case resend = 7
  case renew = 8
  case renewed = 9
  case dropped = 10
  case lifeAcknowledged = 11
  case lifeDropped = 12
  case stateDigest = 13
  case tellDigests = 14
  case alive = 15
  case jobsHeld = 20
  // state
  case section = 32
  case sectionGone = 33
  case cycle = 34
  case cycles = 35
  // bulk
  case declare = 64
  case samples = 65
  case logs = 66
  case lifeDeclare = 80
  case lifeSamples = 81
  case jobs = 90
}

/// The lane of a type, known or not: 1–31 control, 32–63 state, 64 and above bulk.
package func lane(ofType type: UInt8) -> Lane {
  type < 32 ? .control : type < 64 ? .state : .bulk
}

/// The agent's first message.
package struct Hello: Codable, Hashable, Sendable {
  package static let majorVersion = 1
  /// 1: `cycles`, `stateDigest` and `tellDigests`; 2: `alive`. A peer uses what the other's minor version
  /// has.
  package static let minorVersion = 2
  package var major: Int
  package var minor: Int
  package var server: ServerID
  package var boot: BootID
  /// One life of the agent's process; batch orders count within it.
  package var incarnation: String
  package var hostname: String
  package var agentVersion: String
  package var capabilities: [String]
  /// The highest batch order made so far; 0 when none was.
  package var highestOrder: UInt64
  /// The lowest order that the agent still holds and can send again; one above `highestOrder` when
  /// it holds none. `nil` from an agent that does not tell.
  package var firstHeldOrder: UInt64?
  /// Batches that overflowed before they were acknowledged, as in `Message.dropped`.
  package var givenUp: GivenUp?
  /// What the agent's spool holds of its earlier lives, oldest first; `nil` from an agent that has no
  /// spool, or can not read it.
  package var lives: [HeldLife]?
  /// How often it collects until it is told otherwise, in milliseconds; `nil` from an agent that does not
  /// tell.
  package var collectMilliseconds: Int?
  /// Of this life's first batch, held or not; `nil` when there was none yet, or from an agent that does not
  /// tell.
  package var began: Stamp?
  /// Of the batch `firstHeldOrder`; `nil` where that is not at hand, or from an agent that does not tell.
  package var heldSince: Stamp?
  /// True when the agent reads a tree that is not `/`: what it reports is no live server.
  package var readsTree: Bool

  package init(
    major: Int = Hello.majorVersion, minor: Int = Hello.minorVersion, server: ServerID,
    boot: BootID, incarnation: String, hostname: String, agentVersion: String,
    capabilities: [String] = [], highestOrder: UInt64, firstHeldOrder: UInt64? = nil,
    givenUp: GivenUp? = nil, lives: [HeldLife]? = nil, collectMilliseconds: Int? = nil,
    began: Stamp? = nil, heldSince: Stamp? = nil, readsTree: Bool
  ) {
    self.major = major
    self.minor = minor
    self.server = server
    self.boot = boot
    self.incarnation = incarnation
    self.hostname = hostname
    self.agentVersion = agentVersion
    self.capabilities = capabilities
    self.highestOrder = highestOrder
    self.firstHeldOrder = firstHeldOrder
    self.givenUp = givenUp
    self.lives = lives
    self.collectMilliseconds = collectMilliseconds
    self.began = began
    self.heldSince = heldSince
    self.readsTree = readsTree
  }
}

/// Batches that an agent gave up because its buffer was full, and the values in them.
package struct GivenUp: Codable, Hashable, Sendable {
  package var from: UInt64
  package var through: UInt64
  package var samples: UInt64
  /// As in `LostBatches`.
  package var stamps: LostStamps?
  package init(from: UInt64, through: UInt64, samples: UInt64, stamps: LostStamps? = nil) {
    self.from = from
    self.through = through
    self.samples = samples
    self.stamps = stamps
  }
}

/// The manager's answer to `Hello`.
package struct Welcome: Codable, Hashable, Sendable {
  package var major: Int
  package var minor: Int
  package var session: String
  /// How often to collect, in milliseconds.
  package var collectMilliseconds: Int
  /// The highest batch order of this incarnation that is stored for good; 0 when none is.
  package var durableOrder: UInt64
  /// The agent renews its certificate when less than this is left, in seconds.
  package var renewWithinSeconds: Int64
  /// For each of `Hello.lives`, the order up to which all of it is stored for good or settled as
  /// lost. `nil` from a manager that takes no replay: the agent keeps what it has.
  package var lives: [UInt64]?

  package init(
    major: Int = Hello.majorVersion, minor: Int = Hello.minorVersion, session: String,
    collectMilliseconds: Int, durableOrder: UInt64, renewWithinSeconds: Int64,
    lives: [UInt64]? = nil
  ) {
    self.major = major
    self.minor = minor
    self.session = session
    self.collectMilliseconds = collectMilliseconds
    self.durableOrder = durableOrder
    self.renewWithinSeconds = renewWithinSeconds
    self.lives = lives
  }
}

/// A digest of one section, so that a mismatch can be sent again.
package struct SectionDigest: Codable, Hashable, Sendable {
  package var key: SectionKey
  package var digest: UInt64
  package init(key: SectionKey, digest: UInt64) {
    self.key = key
    self.digest = digest
  }
}

extension SectionDigest {
  /// One digest of all, whatever their order: of each key and digest the FNV-1a 64, added up.
  package static func summary(of digests: some Sequence<SectionDigest>) -> UInt64 {
    digests.reduce(0) { sum, one in
      var bytes = Array("\(one.key.name)\u{0}\(one.key.subject)\u{0}".utf8)
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: one.digest >> UInt64(shift)))
      }
      return sum &+ Section.digest(of: bytes)
    }
  }
}

/// One cycle of one collector has ended: its sections are as of `began`.
package struct CycleEnd: Codable, Hashable, Sendable {
  package var collector: String
  package var outcome: CollectorOutcome
  package var reason: String?
  /// When the reads began: evidence is never newer than this.
  package var began: Stamp
  /// The least time between two cycles of this collector; `nil` or 0: it runs every cycle.
  package var periodMilliseconds: Int64?
  package init(
    collector: String, outcome: CollectorOutcome, reason: String?, began: Stamp,
    periodMilliseconds: Int64? = nil
  ) {
    self.collector = collector
    self.outcome = outcome
    self.reason = reason
    self.began = began
    self.periodMilliseconds = periodMilliseconds
  }
}

/// Everything that travels. Samples travel as `declare` and as encoded bytes, because their coding
/// depends on the values sent before (`SampleEncoder`, `SampleDecoder`).
package enum Message: Hashable, Sendable {
  case hello(Hello)
  case welcome(Welcome)
  /// Counts up; proves life when nothing else is sent.
  case heartbeat(UInt64)
  /// The same without a payload, which nobody reads; from minor version 2 in place of `heartbeat`.
  case alive
  /// Batches up to this order are stored for good.
  case acknowledge(order: UInt64)
  /// The last message of a session that ends on purpose.
  case goodbye(Diagnostic)
  case digests([SectionDigest])
  /// `SectionDigest.summary` of all sections, when none is unsent: a manager that holds others asks for
  /// `digests` by `tellDigests`.
  case stateDigest(sections: Int, digest: UInt64)
  case tellDigests
  case resend([SectionKey])
  /// PEM of a certificate signing request.
  case renew(request: String)
  /// PEM of the new certificate and of the CA.
  case renewed(certificate: String, authority: String)
  /// Batches that this agent gave up before they were acknowledged.
  case dropped(GivenUp)
  case section(Section)
  case sectionGone(SectionKey)
  case cycle(CycleEnd)
  /// All that ended since the last of these (`CycleEncoder`); from minor version 1 in place of `cycle`.
  case cycles(encoded: [UInt8])
  /// Ids count up from 0 within a session.
  case declare([UInt32: SeriesDeclaration])
  case samples(encoded: [UInt8])
  case logs([LogLine])
  /// What the jobs of one target did.
  case jobs(JobReport)
  /// Job reports up to this sequence of this life of the agent are stored for good.
  case jobsHeld(sequence: UInt64)
  /// Batches of an earlier life up to this order are stored for good. `life` is a place in
  /// `Hello.lives`; their number stands for the agent's present life.
  case lifeAcknowledged(life: Int, order: UInt64)
  /// Batches of a life that the agent had spooled and no longer has.
  case lifeDropped(life: Int, LostBatches)
  /// As `declare` and `samples`, for what is read back from the spool. Ids and differences of values
  /// begin anew with each life.
  case lifeDeclare(life: Int, [UInt32: SeriesDeclaration])
  case lifeSamples(life: Int, encoded: [UInt8])
  /// From a newer peer; ignored and counted.
  case unrecognised(type: UInt8)
}
