import Glibc

/// Numeric addresses in network order.
enum NetworkAddress {
  /// Four or sixteen bytes; `nil` when the text is no numeric address.
  static func bytes(_ text: String) -> [UInt8]? {
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: count)
      if inet_pton(family, text, &bytes) == 1 { return bytes }
    }
    return nil
  }
}
