/// Who has connected and has nothing under way, and who of them gives way when there are too many: so
/// that no number of those who say nothing keeps out those who have something to say, and what they
/// hold stays bounded.
struct YieldingQueue: Sendable {
  /// Of all addresses together, and of each.
  let limit: Int
  let limitPerAddress: Int
  private var addresses: [UInt64: String] = [:]
  /// Numbers grow, so the least is the oldest.
  private var members: [String: Set<UInt64>] = [:]
  private var next: UInt64 = 0

  init(limit: Int, limitPerAddress: Int) {
    self.limit = max(1, limit)
    self.limitPerAddress = max(1, limitPerAddress)
  }

  var count: Int { addresses.count }

  /// - Returns: the newcomer's number, and the one that must be closed in its favour: the oldest of
  ///   its own address when that has too many, else the oldest of the address that has most.
  mutating func enter(from address: String) -> (number: UInt64, evicted: UInt64?) {
    var evicted: UInt64?
    if members[address, default: []].count >= limitPerAddress {
      evicted = members[address]?.min()
    } else if addresses.count >= limit {
      let crowd = members.max { a, b in
        (a.value.count, b.value.min() ?? 0) < (b.value.count, a.value.min() ?? 0)
      }
      evicted = crowd?.value.min()
    }
    if let evicted { leave(evicted) }
    let number = next
    next += 1
    addresses[number] = address
    members[address, default: []].insert(number)
    return (number, evicted)
  }

  /// It went, or proved who it is. Leaving twice is no harm.
  mutating func leave(_ number: UInt64) {
    guard let address = addresses.removeValue(forKey: number) else { return }
    members[address]?.remove(number)
    if members[address]?.isEmpty == true { members[address] = nil }
  }
}
