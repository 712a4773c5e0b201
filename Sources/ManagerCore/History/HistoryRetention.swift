/// How long history is kept, and how much of it.
package struct HistoryRetention: Hashable, Sendable {
  /// By tier, in nanoseconds.
  package var ages: [RollUpTier: Int64] = [
    .minute: 90 * HistoryDay.nanoseconds, .tenMinutes: 365 * HistoryDay.nanoseconds,
    .hour: 5 * 365 * HistoryDay.nanoseconds,
  ]
  /// Of all files of history together; `nil`: no limit but the disk.
  package var bytes: Int64?
  package init() {}

  /// A file of history.
  package struct File: Hashable, Sendable {
    package var name: String
    /// `nil`: samples.
    package var tier: RollUpTier?
    /// The first time that can not be in it.
    package var end: Int64
    package var bytes: Int64
    /// It is damaged, and nothing is read from it any more.
    package var isSetAside: Bool
    package init(
      name: String, tier: RollUpTier?, end: Int64, bytes: Int64, isSetAside: Bool = false
    ) {
      self.name = name
      self.tier = tier
      self.end = end
      self.bytes = bytes
      self.isSetAside = isSetAside
    }
  }

  /// Why a file goes.
  package enum Reason: String, Sendable {
    case age
    case size
  }

  /// What is to be removed, in this order: first what is too old, then, as long as it is too much, the
  /// oldest of those that are set aside, for they answer nothing, the oldest days of samples, and the
  /// oldest months of minutes. The newest file of each kind stays whatever it takes, and so do the
  /// wider tiers: they are small, and all there is of long ago.
  package func surplus(
    of files: [File], raw: Int64, now: Int64
  ) -> [(file: File, reason: Reason)] {
    var gone: [(file: File, reason: Reason)] = []
    var kept: [File] = []
    for file in files.sorted(by: { ($0.end, $0.name) < ($1.end, $1.name) }) {
      let age = file.tier.map { ages[$0] ?? .max } ?? raw
      if elapsed(file.end, now) >= UInt64(max(0, age)) && file.end < now {
        gone.append((file, .age))
      } else {
        kept.append(file)
      }
    }
    guard let bytes else { return gone }
    var total = kept.reduce(Int64(0)) { $0 + $1.bytes }
    func pick(_ files: some Sequence<File>) {
      for file in files where total > bytes {
        gone.append((file, .size))
        total -= file.bytes
      }
    }
    pick(kept.filter(\.isSetAside))
    let good = kept.filter { !$0.isSetAside }
    for tier in [nil, RollUpTier.minute] { pick(good.filter { $0.tier == tier }.dropLast()) }
    return gone
  }

  /// Values that one answer is made of at most, where a wider tier makes them fewer: 24 bytes each as
  /// samples, and six columns of 8 as buckets; two answers are worked on at once.
  package static let valuesAtOnce: UInt64 = 4_000_000

  /// The tier that answers over a span: as fine as is of use, kept long enough, and no more values than
  /// memory should hold.
  ///
  /// - Parameters:
  ///   - nanoseconds: the span.
  ///   - raw: how long samples are kept.
  ///   - series: how many are asked for.
  ///   - interval: from one sample to the next.
  /// - Returns: `nil` for samples.
  package func tier(
    forSpan nanoseconds: UInt64, raw: Int64, series: Int = 1, interval: Int64 = 10_000_000_000
  ) -> RollUpTier? {
    func isTooMuch(every width: Int64) -> Bool {
      let (values, overflow) = (nanoseconds / UInt64(max(1, width)) + 1)
        .multipliedReportingOverflow(by: UInt64(max(1, series)))
      return overflow || values > HistoryRetention.valuesAtOnce
    }
    let chosen = RollUpTier.chosen(forSpan: nanoseconds)
    if chosen == nil, nanoseconds <= UInt64(max(0, raw)), !isTooMuch(every: interval) { return nil }
    return RollUpTier.allCases.first {
      $0.rawValue >= chosen?.rawValue ?? 0 && UInt64(max(0, ages[$0] ?? .max)) >= nanoseconds
        && !isTooMuch(every: $0.nanoseconds)
    } ?? .hour
  }
}
