import AgentCore
import NodeAgent
import Protocol
import Testing

/// Asks an inspection for what it found.
struct Look {
  let collections: [Collection]
  let failures: [CollectionFailure]

  init(_ inspection: Inspection) {
    collections = inspection.answers.compactMap {
      if case .sampled(let collection) = $0.answer { collection } else { nil }
    }
    failures = inspection.failures
  }

  var samples: [Sample] { collections.flatMap { $0.samples } }
  var leftovers: [Leftover] { collections.flatMap { $0.leftovers } }
  var sections: [Section] { collections.flatMap { $0.sections } }

  func names(_ section: String) -> [String] {
    sections.filter { $0.key.name == section }.map { $0.key.subject }
  }

  func section<Body: SectionBody>(_ subject: String) throws -> Body {
    let key = SectionKey(Body.sectionName, subject)
    let found = sections.filter { $0.key == key }
    #expect(found.count == 1, "\(key)")
    return try Body(try #require(found.first))
  }

  /// The value of the first series with all of these labels; `target` is the subject.
  func value(
    _ metric: String, _ labels: [String: String], _ more: [String: String] = [:]
  ) -> String? {
    samples.first { sample in
      let key = sample.declaration.key
      var own = key.labels
      if case .target(let reference) = key.subject { own["target"] = reference.label }
      return key.metric == metric
        && labels.merging(more, uniquingKeysWith: { $1 }).allSatisfy { own[$0.key] == $0.value }
    }?.valueText
  }
}

extension TemporaryTree {
  /// Inspects the tree and keeps it until that is done.
  func look(_ only: String...) throws -> Look {
    try withExtendedLifetime(self) { Look(try inspect(root: path, only: only)) }
  }
}
