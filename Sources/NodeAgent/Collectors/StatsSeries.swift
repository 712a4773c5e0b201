import AgentCore
import Protocol

/// Turns counters of a stats file into series.
struct StatsSeries {
  let subject: SeriesSubject
  let component: String
  let source: String

  func sample(_ counter: StatsFile.Counter, _ gathering: inout Gathering) {
    var labels = ["component": component, "operation": counter.name]
    if counter.occurrence > 1 { labels["occurrence"] = String(counter.occurrence) }
    switch counter.name {
    // The MDTs of 2.11 to 2.13 print `[reqs]` here, but the numbers are bytes.
    case "read_bytes":
      labels["operation"] = "read"
      sample(
        counter, labels, .readSamples, .readBytes, .readMinimum, .readMaximum, &gathering)
    case "write_bytes":
      labels["operation"] = "write"
      sample(
        counter, labels, .writeSamples, .writeBytes, .writeMinimum, .writeMaximum, &gathering)
    default:
      if counter.unit == "usecs" {
        sample(
          counter, labels, .operations, .operationTime, .operationTimeMinimum,
          .operationTimeMaximum, &gathering)
      } else {
        gathering.sample(
          .operations, bits: counter.samples, of: subject, labels, source: source)
        guard let values = counter.values else { return }
        labels["unit"] = counter.unit
        sample(
          values, labels, .operationValue, .operationValueMinimum, .operationValueMaximum,
          &gathering)
      }
    }
  }

  private func sample(
    _ counter: StatsFile.Counter, _ labels: [String: String], _ samples: Metric, _ sum: Metric,
    _ minimum: Metric, _ maximum: Metric, _ gathering: inout Gathering
  ) {
    gathering.sample(samples, bits: counter.samples, of: subject, labels, source: source)
    guard let values = counter.values else { return }
    sample(values, labels, sum, minimum, maximum, &gathering)
  }

  private func sample(
    _ values: StatsFile.Values, _ labels: [String: String], _ sum: Metric, _ minimum: Metric,
    _ maximum: Metric, _ gathering: inout Gathering
  ) {
    gathering.sample(sum, bits: values.sum, of: subject, labels, source: source)
    gathering.sample(minimum, bits: values.minimum, of: subject, labels)
    gathering.sample(maximum, bits: values.maximum, of: subject, labels)
  }

  /// Which samples the numbers of a file became.
  ///
  /// - Parameter firsts: of each counter, the first of its samples.
  static func counted(_ places: StatsPlaces, _ firsts: [Int]) -> CountedText {
    CountedText(
      places.all.compactMap { place in
        // In the order of `sample`.
        let offset: Int
        switch place.role {
        case .samples: offset = 0
        case .sum: offset = 1
        case .minimum: offset = 2
        case .maximum: offset = 3
        case .none(let limit, let mayBeNegative):
          return CountedText.Number(
            place.range, sample: -1, mayBeNegative: mayBeNegative, limit: limit)
        }
        guard firsts.indices.contains(place.counter) else { return nil }
        return CountedText.Number(
          place.range, sample: firsts[place.counter] + offset, mayBeNegative: offset > 0)
      })
  }
}
