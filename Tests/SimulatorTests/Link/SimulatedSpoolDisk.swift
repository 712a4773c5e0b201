import AgentCore
import Protocol

/// A spool's folder in memory, that fails and tears as disks do.
struct SimulatedSpoolDisk {
  enum Fault {
    case none
    /// The work fails, and this share of what it wrote (in sixteenths) stays behind.
    case fails(UInt64)
  }

  private(set) var files: [UInt64: [UInt8]] = [:]

  var bytes: Int { files.values.reduce(0) { $0 + $1.count } }

  mutating func perform(_ work: SpoolWork, _ fault: Fault = .none) -> SpoolAnswer {
    if case .fails(let sixteenths) = fault {
      if case .write(let number, let offset, let bytes) = work {
        put(number, offset, Array(bytes.prefix(bytes.count * Int(sixteenths) / 16)))
      }
      return .failed(reason: "No space left on device")
    }
    switch work {
    case .open:
      return .opened(
        files.sorted { $0.key < $1.key }.map { number, bytes in
          var scan = SegmentScan(number: number)
          for start in stride(from: 0, to: bytes.count, by: 700) {
            scan.feed(Array(bytes[start..<min(start + 700, bytes.count)]))
          }
          return scan.finished()
        })
    case .write(let number, let offset, let bytes):
      put(number, offset, bytes)
      return .done
    case .remove(let numbers):
      for number in numbers { files[number] = nil }
      return .done
    case .read(let number, let offset, let length):
      guard let bytes = files[number] else { return .failed(reason: "No such file") }
      return .read(Array(bytes.dropFirst(offset).prefix(length)))
    }
  }

  private mutating func put(_ number: UInt64, _ offset: Int, _ bytes: [UInt8]) {
    let before = offset == 0 ? [] : files[number] ?? []
    files[number] = before.prefix(offset) + bytes
  }
}
