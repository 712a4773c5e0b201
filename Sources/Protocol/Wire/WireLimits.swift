/// Every limit of the wire, with its reason.
package enum WireLimits {
  /// A frame with its header. Small enough that a heartbeat behind one waits a millisecond.
  package static let frameBytes = 65_536
  /// Length (4), version (1), type (1), flags (1), boot clock (8), wall clock (8).
  package static let frameHeaderBytes = 23
  package static var framePayloadBytes: Int { frameBytes - frameHeaderBytes }
  /// A continued control message; the largest is `digests` of 20,000 sections.
  package static let controlBytes = 4 << 20
  /// A continued section; the largest is `exports` of an MDT with 50,000 clients.
  package static let stateBytes = 16 << 20
  /// A continued batch or declaration; 100,000 series at 20 bytes each.
  package static let bulkBytes = 8 << 20
  /// Of JSON: reports have five levels.
  package static let nesting = 64
  package static let seriesPerSession = 1_000_000
  package static let labels = 16
  package static let textBytes = 1_024
  /// A reason, a remedy, a log line: a paragraph. Managers keep hundreds of them a server.
  package static let proseBytes = 4_096
  /// A certificate with its CA, or a request, in PEM.
  package static let pemBytes = 65_536
  /// Section keys in one message: more than the largest server has sections.
  package static let sectionKeys = 100_000
  /// Collectors that one agent reports on: 512 targets of three kinds, and four that read each.
  package static let cycleSlots = 16_384
  package static let mgsNIDs = 64
  package static let logLines = 1_000
  /// Named jobs in one report, or in one minute of them: four measures, each with its top, leave room.
  package static let topJobs = 4_096
  /// Batch orders count up from 1; 63 bits outlast any agent and fit every store's integers.
  package static let highestOrder = UInt64(Int64.max)
  /// Lives of one agent's process that its spool may hold: a process that dies every ten seconds
  /// for hours while no manager is there.
  package static let lives = 1_024
  /// Ranges of batches that one life lost apart from each other: a disk that fills up again and again.
  package static let lostRanges = 64
  package static let bootBytes = 128
  package static let incarnationBytes = 64
  /// Values that an agent may say it gave up: more than any memory holds.
  package static let droppedSamples: UInt64 = 1 << 48
  /// Clocks within 146 years of zero: the difference of two of them fits 64 bits.
  package static let stampNanoseconds: Int64 = 1 << 62
  /// Heartbeats each second; a peer is suspect after 1.5 s without a byte and lost after 3 s.
  package static let heartbeat = Duration.seconds(1)
  package static let suspectAfter = Duration.milliseconds(1_500)
  package static let lostAfter = Duration.seconds(3)
}
