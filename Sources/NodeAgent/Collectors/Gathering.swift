import AgentCore
import Protocol

/// What a collector gathers in one cycle: reads that tell absence from failure, and everything
/// bounded.
struct Gathering {
  let collector: String
  let host: HostRoot
  /// Of this cycle.
  private let listings: Listings
  private(set) var collection = Collection()

  /// A broken mount or a locked-down debugfs fails every read of it; this many tell the story.
  private static let failureLimit = 100

  init(_ collector: String, _ host: HostRoot, _ listings: Listings = Listings()) {
    self.collector = collector
    self.host = host
    self.listings = listings
  }

  // MARK: reading

  /// A parameter under the first of its roots that has it. `nil` when no root has it; and when a
  /// root could not be read and no other has it, which is a failure.
  mutating func read(_ parameter: Parameter, _ values: String...) -> [UInt8]? {
    read(parameter, values, noValue: nil)
  }

  /// - Parameter noValue: the `errno` by which the file, which is there, says that it has none now: that
  ///   is no failure.
  mutating func read(_ parameter: Parameter, _ values: [String], noValue: Int32?) -> [UInt8]? {
    if parameter.isOfClients { return readOnce(parameter, values) }
    let name = HostMemory.Name(parameter: parameter, values: values)
    // A tree may be changed by hand at any time; each look counts there.
    guard let paths = host.isLive ? host.memory.look(for: name) : host.memory.paths(of: name)
    else { return nil }
    var failure: HostError?
    var isThere = false
    // First where it was; if it is not there any more, the others are asked in their order.
    let others = paths.all.indices.filter { $0 != paths.last }
    for index in (paths.last.map { [$0] } ?? []) + others {
      do {
        let bytes = try host.readAgain(paths.all[index])
        if index != paths.last { host.memory.found(name, at: index) }
        return bytes
      } catch {
        if error.isAbsence {
          if index == paths.last { host.memory.lookAgain() }
        } else if let noValue, error.number == noValue {
          isThere = true
        } else {
          failure = failure ?? error
        }
      }
    }
    if let failure {
      fail(parameter.name(values), failure)
    } else if !isThere {
      host.memory.absent(name)
    }
    return nil
  }

  /// Of the many files of clients nothing is remembered.
  private mutating func readOnce(_ parameter: Parameter, _ values: [String]) -> [UInt8]? {
    var failure: HostError?
    for path in parameter.paths(values) {
      do {
        return try host.read(path)
      } catch {
        if !error.isAbsence { failure = failure ?? error }
      }
    }
    if let failure { fail(parameter.name(values), failure) }
    return nil
  }

  /// A file of the host that is no parameter of Lustre.
  mutating func read(path: String) -> [UInt8]? {
    do {
      return try host.readAgain(path)
    } catch {
      if !error.isAbsence { fail(path, error) }
      return nil
    }
  }

  /// A file of one decimal number.
  mutating func number(_ parameter: Parameter, _ values: String...) -> Int64? {
    let names = values
    guard let bytes = read(parameter, names, noValue: nil) else { return nil }
    if let number = ScalarParser.number(bytes.span) { return number }
    leftover(parameter.name(names), bytes)
    return nil
  }

  /// A file of one word or name.
  mutating func text(_ parameter: Parameter, _ values: String...) -> String? {
    read(parameter, values, noValue: nil).flatMap { ScalarParser.text($0.span) }
  }

  /// Names of directories under all roots of a parameter, sorted, each once. `nil` when there are
  /// none because no root could be listed although one is there; that is a failure.
  mutating func directories(_ parameter: Parameter, _ values: String...) -> [String]? {
    var names: [String] = []
    var failure: HostError?
    var isListed = false
    let paths = host.memory.paths(of: HostMemory.Name(parameter: parameter, values: values)).all
    for (path, root) in zip(paths, parameter.roots) {
      do {
        let isTop = parameter.parts == 1
        guard let found = try listings.directories(path, of: isTop ? root.rawValue : nil, host)
        else { continue }
        names = names.isEmpty ? found : Set(names).union(found).sorted()
        isListed = true
      } catch {
        if !error.isAbsence { failure = failure ?? error }
      }
    }
    if let failure, !isListed {
      fail(parameter.name(values), failure)
      return nil
    }
    return names
  }

  // MARK: keeping

  /// The value of a parsed file; what was not understood is kept under `source`.
  mutating func take<Value>(
    _ parsed: Parsed<Value>, from source: @autoclosure () -> String
  ) -> Value {
    for text in parsed.leftovers.texts { leftover(source(), text) }
    return parsed.value
  }

  mutating func leftover(_ source: String, _ text: String) {
    guard collection.leftovers.count < Leftovers.limit else { return }
    collection.leftovers.append(Leftover(source: source, text: Leftovers.cut(text)))
  }

  mutating func leftover(_ source: String, _ bytes: [UInt8]) {
    leftover(source, String(decoding: bytes.prefix(Leftovers.textBytes), as: UTF8.self))
  }

  mutating func fail(_ source: String, _ error: HostError) { fail(source, error.reason) }

  mutating func fail(_ source: String, _ reason: String) {
    guard collection.failures.count < Gathering.failureLimit else { return }
    collection.failures.append(
      CollectionFailure(collector: collector, source: source, reason: reason))
  }

  mutating func section(_ body: some SectionBody, subject: String = "") {
    do {
      collection.sections.append(
        try host.memory.section(body, subject: subject, collector: collector))
    } catch {
      fail(subject, "the section could not be encoded")
    }
  }

  mutating func jobs(_ report: JobReport) { collection.jobs.append(report) }

  /// 64 bits as the kernel printed them.
  mutating func sample(
    _ metric: Metric, bits: SampleBits, of subject: SeriesSubject = .server,
    _ labels: [String: String] = [:], source: String = ""
  ) {
    collection.samples.append(
      Sample(metric.declaration(of: subject, labels, source: source), bits))
  }

  /// A gauge; nothing when there is no value.
  mutating func sample(
    _ metric: Metric, _ value: Int64?, of subject: SeriesSubject = .server,
    _ labels: [String: String] = [:]
  ) {
    guard let value else { return }
    sample(metric, bits: SampleBits(bitPattern: value), of: subject, labels)
  }

  /// How the cycle ended. Nothing at all beside failures means that nothing is known: then the
  /// sections of the last good cycle must not be taken back.
  func answer(orNotApplicable reason: String) -> CollectorAnswer {
    if !collection.sections.isEmpty || !collection.samples.isEmpty || !collection.jobs.isEmpty {
      return .sampled(collection)
    }
    guard let first = collection.failures.first else {
      return collection.leftovers.isEmpty
        ? .notApplicable(reason: reason) : .sampled(collection)
    }
    let more = collection.failures.count - 1
    return .failed(
      reason: "\(first.source): \(first.reason)" + (more > 0 ? ", and \(more) more" : ""))
  }
}
