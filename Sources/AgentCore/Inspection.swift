import Protocol

/// What one look at a machine brought, ready to be shown.
package struct Inspection: Sendable {
  package struct Answer: Sendable {
    package var collector: String
    package var answer: CollectorAnswer
    package init(collector: String, answer: CollectorAnswer) {
      self.collector = collector
      self.answer = answer
    }
  }

  package struct Server: Hashable, Codable, Sendable {
    package var hostname: String?
    package var bootID: BootID
    package var root: String
    /// True when `root` is a tree and no live machine.
    package var readsTree: Bool
    package init(hostname: String?, bootID: BootID, root: String, readsTree: Bool) {
      self.hostname = hostname
      self.bootID = bootID
      self.root = root
      self.readsTree = readsTree
    }
  }

  package var server: Server
  package var answers: [Answer]

  package init(server: Server, answers: [Answer]) {
    self.server = server
    self.answers = answers
  }

  var collections: [Collection] {
    answers.compactMap { if case .sampled(let collection) = $0.answer { collection } else { nil } }
  }

  var samples: [Sample] { collections.flatMap { $0.samples } }
  var jobs: [JobReport] { collections.flatMap { $0.jobs } }
  var leftovers: [Leftover] { collections.flatMap { $0.leftovers } }

  /// Reads that failed, and collectors that failed as a whole.
  package var failures: [CollectionFailure] {
    answers.flatMap { answer -> [CollectionFailure] in
      switch answer.answer {
      case .sampled(let collection): collection.failures
      case .notApplicable: []
      case .failed(let reason):
        [CollectionFailure(collector: answer.collector, source: "", reason: reason)]
      }
    }
  }

  /// How each collector fared, itself a section.
  var fates: CollectorsSection {
    // As many as the section's own definition allows.
    let limit = 20
    return CollectorsSection(
      collectors: answers.map { item in
        var fate = CollectorsSection.Collector(
          name: item.collector, outcome: .sampled, reason: nil, leftovers: [], failures: [])
        switch item.answer {
        case .sampled(let collection):
          for leftover in collection.leftovers
          where fate.leftovers.count < limit && !fate.leftovers.contains(leftover.source) {
            fate.leftovers.append(leftover.source)
          }
          fate.failures = collection.failures.prefix(limit).map { "\($0.source): \($0.reason)" }
        case .notApplicable(let reason): (fate.outcome, fate.reason) = (.notApplicable, reason)
        case .failed(let reason): (fate.outcome, fate.reason) = (.failed, reason)
        }
        return fate
      })
  }

  /// Sections by name and subject; parts that a server has once have the subject "".
  var sections: [String: [String: JSONValue]] {
    var sections: [String: [String: JSONValue]] = [:]
    for section in collections.flatMap({ $0.sections }) {
      sections[section.key.name, default: [:]][section.key.subject] = section.body
    }
    if let fates = try? CanonicalJSON.value(fates) {
      sections[CollectorsSection.sectionName] = ["": fates]
    }
    return sections
  }
}

extension Sample {
  /// The kernel's number: an integer, or with `decimals` a decimal number, without any rounding.
  package var valueText: String {
    let magnitude: UInt64
    let isNegative: Bool
    if declaration.kind == .gauge {
      let value = Int64(bitPattern: bits)
      (magnitude, isNegative) = (value.magnitude, value < 0)
    } else {
      (magnitude, isNegative) = (bits, false)
    }
    let sign = isNegative ? "-" : ""
    let places = Int(min(declaration.decimals, 19))
    guard places > 0 else { return sign + String(magnitude) }
    var digits = String(magnitude)
    if digits.utf8.count <= places {
      digits = String(repeating: "0", count: places + 1 - digits.utf8.count) + digits
    }
    return sign + digits.dropLast(places) + "." + digits.suffix(places)
  }

  /// The labels of the series, with the target that it belongs to.
  var shownLabels: [String: String] {
    var labels = declaration.key.labels
    if case .target(let reference) = declaration.key.subject { labels["target"] = reference.label }
    return labels
  }
}
