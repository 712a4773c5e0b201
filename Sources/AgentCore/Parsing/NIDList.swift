/// NIDs as `mgsnode=` and the source of a client mount list them: `,` between the NIDs of one node,
/// `:` between nodes.
package enum NIDList {
  /// As many as the wire carries for one target.
  package static let limit = 64

  /// All NIDs in order, each once. An address of its own may hold `:` (IPv6), so only a colon that
  /// follows a whole `address@net` parts nodes. What is no NID ends the list: `:/fsname`.
  package static func parse(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    var nids: [String] = []
    var start = 0
    while start < bytes.count, nids.count < limit {
      guard let at = bytes[start...].firstIndex(of: UInt8(ascii: "@")) else { break }
      var end = at + 1
      while end < bytes.count, isNetworkByte(bytes[end]) { end += 1 }
      // `address@` without a network, or an address with characters that none has, is no NID.
      guard end > at + 1, at > start, bytes[start..<at].allSatisfy(isAddressByte) else { break }
      let nid = String(decoding: bytes[start..<end], as: UTF8.self)
      if !nids.contains(nid) { nids.append(nid) }
      guard end < bytes.count, bytes[end] == UInt8(ascii: ",") || bytes[end] == UInt8(ascii: ":")
      else { break }
      start = end + 1
    }
    return nids
  }

  private static func isNetworkByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  /// Addresses are dotted or hexadecimal, or host names before they are resolved.
  private static func isAddressByte(_ byte: UInt8) -> Bool {
    isNetworkByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
      || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }
}
