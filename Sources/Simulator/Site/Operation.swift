import Protocol

/// What a client or server asks of a target; the raw value is its place in a `CounterSet`.
package enum Operation: Int, Sendable, CaseIterable {
  case readBytes, writeBytes, read, write
  case getattr, setattr, punch, sync, destroy, create, statfs, getInfo, setInfo, quotactl, prealloc
  case open, close, mknod, link, unlink, mkdir, rmdir, rename, getxattr, setxattr
  case samedirRename, crossdirRename, parallelRenameFile, parallelRenameDirectory
  case migrate, fallocate

  /// The counter's name in the stats files.
  package var name: String { Self.names[rawValue] }

  private static let names: [String] = allCases.map { operation in
    switch operation {
    case .readBytes: "read_bytes"
    case .writeBytes: "write_bytes"
    case .getInfo: "get_info"
    case .setInfo: "set_info"
    case .samedirRename: "samedir_rename"
    case .crossdirRename: "crossdir_rename"
    case .parallelRenameFile: "parallel_rename_file"
    case .parallelRenameDirectory: "parallel_rename_dir"
    default: "\(operation)"
    }
  }

  /// Bytes moved rather than time taken.
  var isBytes: Bool { self == .readBytes || self == .writeBytes }

  /// The counters of a kind of target in the order of its file, as far as the release knows them.
  static func order(_ kind: TargetKind, _ layout: Layout) -> [Operation] {
    let old = layout == .lustre2_12
    switch kind {
    case .mdt:
      var order: [Operation] = [
        .open, .close, .mknod, .link, .unlink, .mkdir, .rmdir, .rename, .getattr, .setattr,
        .getxattr, .setxattr, .statfs, .sync, .samedirRename,
      ]
      if layout == .lustre2_17 { order += [.parallelRenameFile, .parallelRenameDirectory] }
      order += [.crossdirRename, .readBytes, .writeBytes]
      return order + (old ? [.punch] : [.read, .write, .punch, .migrate, .fallocate])
    case .ost:
      let bytes: [Operation] = [.readBytes, .writeBytes]
      let common: [Operation] = [
        .getattr, .setattr, .punch, .sync, .destroy, .create, .statfs, .getInfo, .setInfo,
        .quotactl,
      ]
      return old ? bytes + common : bytes + [.read, .write] + common + [.prealloc]
    case .mgt, .unrecognised:
      return []
    }
  }
}

/// One counter as the kernel keeps it.
struct Counter: Sendable, Hashable {
  var count: UInt64 = 0
  var low: UInt64 = 0
  var high: UInt64 = 0
  var sum: UInt64 = 0
  var sumOfSquares: UInt64 = 0

  /// Adds `count` values between `low` and `high` whose mean is `mean`.
  mutating func add(count more: UInt64, mean: UInt64, spread: UInt64) {
    guard more > 0 else { return }
    let smallest = mean - min(spread, mean)
    low = count == 0 ? smallest : min(low, smallest)
    high = max(high, mean + spread)
    count += more
    sum &+= more &* mean
    // Wraps, as the kernel's does on a busy server.
    sumOfSquares &+= more &* (mean &* mean)
  }
}

/// Counters by operation. Empty, and without memory, until something happens.
struct CounterSet: Sendable, Hashable {
  private var counters: [Counter] = []

  subscript(operation: Operation) -> Counter {
    counters.isEmpty ? Counter() : counters[operation.rawValue]
  }

  var isEmpty: Bool { counters.isEmpty }

  mutating func add(_ operation: Operation, count: UInt64, mean: UInt64, spread: UInt64) {
    if counters.isEmpty {
      counters = Array(repeating: Counter(), count: Operation.allCases.count)
    }
    counters[operation.rawValue].add(count: count, mean: mean, spread: spread)
  }
}
