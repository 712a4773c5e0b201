extension Duration {
  /// A span as an operator types it: `250ms`, `90s`, `15m`, `1h`, `2d`, `1w`; nothing else, and no
  /// more than a hundred years.
  package init?(operatorText text: String) {
    let units: [(suffix: String, milliseconds: Int64)] = [
      ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
      ("w", 604_800_000),
    ]
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int64(digits), count <= 3_153_600_000_000,
      let unit = units.first(where: { $0.suffix == text.dropFirst(digits.count) })
    else { return nil }
    let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
    guard !overflow, milliseconds <= 3_153_600_000_000 else { return nil }
    self = .milliseconds(milliseconds)
  }
}
