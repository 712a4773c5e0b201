/// Names of collectors. A collector that works target by target reports each as a unit,
/// `COLLECTOR/SUBJECT`, whose evidence ages by itself; the collector's own name stands for the list.
package enum CollectorName {
  package static func isUnit(_ name: String) -> Bool { name.utf8.contains(UInt8(ascii: "/")) }

  /// The collector that a unit belongs to; of any other name, itself.
  package static func whole(_ name: String) -> String {
    name.firstIndex(of: "/").map { String(name[..<$0]) } ?? name
  }
}
