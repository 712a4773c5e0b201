/// `/proc/meminfo` in bytes.
package struct MemoryFile: Hashable, Sendable {
  package var total: UInt64?
  package var free: UInt64?
  package var available: UInt64?
  package var buffers: UInt64?
  package var cached: UInt64?
  package var swapTotal: UInt64?
  package var swapFree: UInt64?
  package init() {}
}

/// `/proc/stat`; processor times in ticks of a hundredth of a second.
package struct StatFile: Hashable, Sendable {
  package struct Mode: Hashable, Sendable {
    package var name: String
    package var ticks: UInt64
  }
  package var modes: [Mode] = []
  package var bootedAt: Int64?
  package var contextSwitches: UInt64?
  package var forks: UInt64?
  package var running: Int64?
  package var blocked: Int64?
  package init() {}
}

/// One line of `/proc/net/dev`.
package struct DeviceTraffic: Hashable, Sendable {
  package var name: String
  package var receivedBytes: UInt64
  package var receivedPackets: UInt64
  package var receiveErrors: UInt64
  package var receiveDrops: UInt64
  package var sentBytes: UInt64
  package var sentPackets: UInt64
  package var sendErrors: UInt64
  package var sendDrops: UInt64
}

/// Parses the kernel's own files (proc(5)).
package enum HostParsers {
  /// `Name:   123 kB`. The kernel has dozens of lines that are of no use here.
  package static func meminfo(_ bytes: Span<UInt8>) -> Parsed<MemoryFile> {
    var file = MemoryFile()
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      let words = bytes.fields(content)
      guard words.count >= 2, bytes.hasSuffix(":", words[0]), let value = bytes.unsigned(words[1])
      else {
        leftovers.keep(bytes, content)
        continue
      }
      let (amount, over) = value.multipliedReportingOverflow(by: 1_024)
      if over {
        leftovers.keep(bytes, content)
        continue
      }
      switch bytes.text(words[0]) {
      case "MemTotal:": file.total = amount
      case "MemFree:": file.free = amount
      case "MemAvailable:": file.available = amount
      case "Buffers:": file.buffers = amount
      case "Cached:": file.cached = amount
      case "SwapTotal:": file.swapTotal = amount
      case "SwapFree:": file.swapFree = amount
      default: break
      }
    }
    return Parsed(file, leftovers)
  }

  /// How many processors `/proc/cpuinfo` lists.
  package static func processors(_ bytes: Span<UInt8>) -> Int {
    var count = 0
    var index = 0
    while let line = bytes.line(&index) {
      guard let colon = bytes.first(UInt8(ascii: ":"), in: line) else { continue }
      if bytes.isEqual("processor", bytes.trimmed(line.lowerBound..<colon)) { count += 1 }
    }
    return count
  }

  /// `PRETTY_NAME` of os-release(5), else `NAME` and `VERSION`.
  package static func osRelease(_ bytes: Span<UInt8>) -> String? {
    var values: [String: String] = [:]
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      guard let equal = bytes.first(UInt8(ascii: "="), in: content), content.count <= 1_024
      else { continue }
      let key = bytes.text(content.lowerBound..<equal)
      guard key == "PRETTY_NAME" || key == "NAME" || key == "VERSION" else { continue }
      var value = (equal + 1)..<content.upperBound
      if value.count >= 2, let quote = value.first,
        bytes[quote] == UInt8(ascii: "\"") || bytes[quote] == UInt8(ascii: "'"),
        bytes[value.upperBound - 1] == bytes[quote]
      {
        value = (value.lowerBound + 1)..<(value.upperBound - 1)
      }
      if !value.isEmpty { values[key] = bytes.text(value) }
    }
    if let pretty = values["PRETTY_NAME"] { return pretty }
    guard let name = values["NAME"] else { return nil }
    return values["VERSION"].map { "\(name) \($0)" } ?? name
  }

  /// The three load averages in hundredths.
  package static func loadavg(_ bytes: Span<UInt8>) -> Parsed<[Int64]?> {
    var index = 0
    var leftovers = Leftovers()
    guard let line = bytes.line(&index) else { return Parsed(nil) }
    let loads = bytes.fields(line).prefix(3).compactMap { bytes.scaled($0, decimals: 2) }
    if loads.count == 3 { return Parsed(loads) }
    leftovers.keep(bytes, line)
    return Parsed(nil, leftovers)
  }

  /// Guest time is part of user and nice already.
  private static let modes = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
  ]

  package static func stat(_ bytes: Span<UInt8>) -> Parsed<StatFile> {
    var file = StatFile()
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let words = bytes.fields(line, limit: 16)
      guard words.count >= 2 else {
        if !words.isEmpty { leftovers.keep(bytes, line) }
        continue
      }
      var understood = true
      switch bytes.text(words[0].prefix(32)) {
      case "cpu":
        let ticks = words.dropFirst().prefix(modes.count).compactMap { bytes.unsigned($0) }
        understood = ticks.count == min(words.count - 1, modes.count)
        if understood {
          file.modes = zip(modes, ticks).map { StatFile.Mode(name: $0, ticks: $1) }
        }
      case "btime": understood = take(bytes.signed(words[1]), &file.bootedAt)
      case "ctxt": understood = take(bytes.unsigned(words[1]), &file.contextSwitches)
      case "processes": understood = take(bytes.unsigned(words[1]), &file.forks)
      case "procs_running": understood = take(bytes.signed(words[1]), &file.running)
      case "procs_blocked": understood = take(bytes.signed(words[1]), &file.blocked)
      default: break
      }
      if !understood { leftovers.keep(bytes, line) }
    }
    return Parsed(file, leftovers)
  }

  private static func take<Value>(_ value: Value?, _ field: inout Value?) -> Bool {
    field = value
    return value != nil
  }

  /// Two lines of heading, then `name: ` and sixteen numbers. A name may touch its first number.
  package static func netDev(_ bytes: Span<UInt8>) -> Parsed<[DeviceTraffic]> {
    var devices: [DeviceTraffic] = []
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty || bytes.first(UInt8(ascii: "|"), in: content) != nil { continue }
      // An alias such as `eth0:1` has a colon of its own: the last one ends the name.
      guard let colon = content.last(where: { bytes[$0] == UInt8(ascii: ":") }) else {
        leftovers.keep(bytes, content)
        continue
      }
      let name = bytes.trimmed(content.lowerBound..<colon)
      let numbers = bytes.fields((colon + 1)..<content.upperBound).compactMap {
        bytes.unsigned($0)
      }
      // Containers bring interfaces by the hundred; more than this help nobody.
      guard numbers.count == 16, !name.isEmpty, name.count <= 64, devices.count < 256 else {
        leftovers.keep(bytes, content)
        continue
      }
      devices.append(
        DeviceTraffic(
          name: bytes.text(name), receivedBytes: numbers[0], receivedPackets: numbers[1],
          receiveErrors: numbers[2], receiveDrops: numbers[3], sentBytes: numbers[8],
          sentPackets: numbers[9], sendErrors: numbers[10], sendDrops: numbers[11]))
    }
    return Parsed(devices, leftovers)
  }
}
