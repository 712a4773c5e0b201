import Protocol

/// A line or a file that a collector read and did not understand.
package struct Leftover: Hashable, Codable, Sendable {
  /// The parameter's `lctl` name, for example `obdfilter.fs1-OST0000.stats`.
  package var source: String
  /// At most 200 bytes of it; bytes that are no UTF-8 become U+FFFD.
  package var text: String
  package init(source: String, text: String) {
    self.source = source
    self.text = text
  }
}

/// A read that failed although its parameter is there.
package struct CollectionFailure: Hashable, Codable, Sendable {
  package var collector: String
  package var source: String
  /// For example `permission denied (EACCES)`.
  package var reason: String
  package init(collector: String, source: String, reason: String) {
    self.collector = collector
    self.source = source
    self.reason = reason
  }
}

/// What one cycle of one collector brought.
package struct Collection: Sendable {
  package var sections: [Section] = []
  package var samples: [Sample] = []
  /// What jobs did since the reading before.
  package var jobs: [JobReport] = []
  package var leftovers: [Leftover] = []
  package var failures: [CollectionFailure] = []
  package init() {}
}

/// How one cycle of one collector ended.
package enum CollectorAnswer: Sendable {
  case sampled(Collection)
  /// The server has nothing of the kind; an absence is no error.
  case notApplicable(reason: String)
  /// Nothing could be read although it should be there.
  case failed(reason: String)
}
