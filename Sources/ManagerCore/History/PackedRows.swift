/// Rows of one stream that wait for their block, each as the differences to the row before of the
/// same layout: less than a byte a sample, where a plain one takes 24.
///
/// Rows are kept in the sequence in which they came, since a row that a replay puts between others
/// must not change what these are differences to. Whoever reads them gets them by order.
struct PackedRows: Sendable {
  /// Layouts that a new row may go on with. An agent whose collectors run at several intervals
  /// alternates between a few.
  private static let openChains = 8

  /// The rows of one layout; the first is a difference to zeros.
  private struct Chain: Sendable {
    let layout: SampleLayout
    /// The newest row; empty when no row is added any more.
    var last: [UInt64]
  }

  private struct Entry: Sendable {
    var order: UInt64
    var nanoseconds: Int64
    var chain: Int
    var bytes: [UInt8]
  }

  private var chains: [Chain] = []
  private var entries: [Entry] = []
  /// Those that its rows are of, counted from the epoch.
  private(set) var hours: Set<Int64> = []
  /// How many samples it holds.
  private(set) var samples = 0
  /// The memory that it counts for: the coded rows, and of each layout its series, sources and
  /// newest values.
  private(set) var bytes = 0

  init() {}

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }

  /// What `add` would count at most, before anything is coded: a row of a new layout whose every
  /// difference takes ten bytes, and what the allocator rounds up to.
  static func sizeLimit(of row: SampleRow) -> Int { 168 + 30 * row.bits.count }

  mutating func add(_ row: SampleRow, scratch: inout [UInt8]) {
    let chain = chain(of: row.layout)
    scratch.removeAll(keepingCapacity: true)
    RowCodec.encode(row.bits, after: chains[chain].last, into: &scratch)
    chains[chain].last = row.bits
    // Exactly as many bytes as it needs. `Array(scratch)` would be no copy: the row would keep all of
    // the scratch's memory, and the next one would take new.
    let bytes = [UInt8](unsafeUninitializedCapacity: scratch.count) { memory, count in
      count = memory.initialize(fromContentsOf: scratch)
    }
    entries.append(
      Entry(order: row.order, nanoseconds: row.nanoseconds, chain: chain, bytes: bytes))
    samples += row.bits.count
    hours.insert(RollUpTier.hour.bucket(of: row.nanoseconds))
    // An entry, and the head of its array of bytes.
    self.bytes += 72 + bytes.capacity
  }

  private mutating func chain(of layout: SampleLayout) -> Int {
    let open = max(0, chains.count - PackedRows.openChains)
    for index in (open..<chains.count).reversed() where chains[index].layout == layout {
      return index
    }
    chains.append(Chain(layout: layout, last: Array(repeating: 0, count: layout.count)))
    bytes += 64 + 20 * layout.count
    if chains.count > PackedRows.openChains {
      let closed = chains.count - 1 - PackedRows.openChains
      bytes -= 8 * chains[closed].last.count
      chains[closed].last = []
    }
    return chains.count - 1
  }

  /// Order and number of samples of each row, ascending by order.
  var orders: [(order: UInt64, samples: Int)] {
    entries.map { ($0.order, chains[$0.chain].layout.count) }.sorted { $0.0 < $1.0 }
  }

  /// All rows, ascending by order.
  var rows: [SampleRow] {
    var current = chains.map { Array(repeating: UInt64(0), count: $0.layout.count) }
    var rows: [SampleRow] = []
    rows.reserveCapacity(entries.count)
    var isAscending = true
    for entry in entries {
      RowCodec.advance(&current[entry.chain], by: entry.bytes)
      isAscending = isAscending && rows.last?.order ?? 0 <= entry.order
      rows.append(
        SampleRow(
          order: entry.order, nanoseconds: entry.nanoseconds,
          layout: chains[entry.chain].layout, bits: current[entry.chain]))
    }
    return isAscending ? rows : rows.sorted { $0.order < $1.order }
  }

  /// The points of some series, in the sequence in which their rows came.
  func collect(
    _ wanted: Set<SeriesID>, _ range: ClosedRange<Int64>,
    into columns: inout [SeriesID: [HistoryPoint]]
  ) {
    let places = chains.map { $0.layout.places(of: wanted) }
    guard places.contains(where: { !$0.isEmpty }) else { return }
    var current = places.map { Array(repeating: UInt64(0), count: $0.count) }
    for entry in entries where !places[entry.chain].isEmpty {
      RowCodec.advance(&current[entry.chain], at: places[entry.chain], by: entry.bytes)
      guard range.contains(entry.nanoseconds) else { continue }
      let layout = chains[entry.chain].layout
      for (place, bits) in zip(places[entry.chain], current[entry.chain]) {
        columns[layout.series[place], default: []].append(
          HistoryPoint(
            nanoseconds: entry.nanoseconds, source: layout.sources[place], bits: bits))
      }
    }
  }
}
