import ManagerCore

/// A curve in a few block characters.
enum Sparkline {
  private static let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  /// Fits beside the numbers where there are more than 80 columns.
  static let width = 16

  /// Means of equal parts of the time range, scaled from the least to the greatest; a part without
  /// a point is a blank.
  static func draw(_ points: [MetricAnswer.Point], from: Int64, through: Int64) -> String {
    let span = Double(through) - Double(from)
    guard span > 0 else { return "" }
    var sums = [Double](repeating: 0, count: width)
    var counts = [Int](repeating: 0, count: width)
    for point in points where point.value.isFinite {
      let part = (Double(point.nanoseconds) - Double(from)) / span
      guard part >= 0, part <= 1 else { continue }
      let slot = min(Int(part * Double(width)), width - 1)
      sums[slot] += point.value
      counts[slot] += 1
    }
    let means = zip(sums, counts).map { $1 > 0 ? $0 / Double($1) : nil }
    let known = means.compactMap { $0 }.filter(\.isFinite)
    guard let least = known.min(), let greatest = known.max() else { return "" }
    return String(means.map { symbol($0, least, greatest) })
  }

  private static func symbol(_ mean: Double?, _ least: Double, _ greatest: Double) -> Character {
    guard let mean, mean.isFinite else { return " " }
    let height = greatest - least
    // Sums of equal numbers differ in their last bits.
    guard height > max(abs(least), abs(greatest)) * 1e-9, height.isFinite else { return blocks[0] }
    return blocks[min(Int((mean - least) / height * Double(blocks.count)), blocks.count - 1)]
  }
}
