import AgentCore
import Protocol

/// What a collector gathers in one cycle: reads that tell absence from failure, and everything
/// bounded.
struct Gathering {
  let collector: String
  let host: HostRoot
  /// Of this cycle.
  private let listings: Listings
  var recorder: ReadRecorder?
  private(set) var collection = Collection()

  /// A broken mount or a locked-down debugfs fails every read of it; this many tell the story.
  private static let failureLimit = 100

  /// - Parameter recorder: takes down what is asked, where what comes of it may be known next time.
  init(
    _ collector: String, _ host: HostRoot, _ listings: Listings = Listings(),
    recorder: ReadRecorder? = nil
  ) {
    self.collector = collector
    self.host = host
    self.listings = listings
    self.recorder = recorder
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
    guard let paths = host.remembers ? host.memory.look(for: name) : host.memory.paths(of: name)
    else {
      recorder?.note(
        .absent(host.memory.paths(of: name).all, looks: ReadTrace.absenceTurns))
      return nil
    }
    var failure: HostError?
    var isThere = false
    // First where it was; if it is not there any more, the others are asked in their order.
    let others = paths.all.indices.filter { $0 != paths.last }
    for index in (paths.last.map { [$0] } ?? []) + others {
      do {
        let bytes = try read(paths.all[index], isKept: true)
        if index != paths.last { host.memory.found(name, at: index) }
        return bytes
      } catch {
        if error.isAbsence {
          if index == paths.last { host.memory.lookAgain() }
        } else if let noValue, error.number == noValue {
          isThere = true
          recorder?.note(.refused(path: paths.all[index], number: noValue))
        } else {
          failure = failure ?? error
        }
      }
    }
    if let failure {
      fail(parameter.name(values), failure)
    } else if !isThere {
      let looks = host.memory.absent(name)
      recorder?.note(.absent(paths.all, looks: looks))
    }
    return nil
  }

  /// - Parameter isKept: when the file stays open where it may.
  private func read(
    _ path: String, isKept: Bool, limit: Int = HostRoot.readLimit
  ) throws(HostError) -> [UInt8] {
    let bytes: [UInt8]
    if let asked = recorder?.contents(of: path) {
      bytes = asked
    } else {
      bytes = isKept ? try host.readAgain(path, limit: limit) : try host.read(path, limit: limit)
    }
    recorder?.note(contents: bytes, of: path, isKept: isKept)
    return bytes
  }

  /// Of the many files of clients nothing is remembered.
  private mutating func readOnce(_ parameter: Parameter, _ values: [String]) -> [UInt8]? {
    var failure: HostError?
    let paths = parameter.paths(values)
    for path in paths {
      do {
        return try read(path, isKept: false)
      } catch {
        if !error.isAbsence { failure = failure ?? error }
      }
    }
    if let failure {
      fail(parameter.name(values), failure)
    } else {
      recorder?.note(.absent(paths, looks: ReadTrace.always))
    }
    return nil
  }

  /// A file of the host that is no parameter of Lustre.
  ///
  /// - Parameter looks: how often it was looked for in turn, if it is not there.
  mutating func read(path: String, looks: Int = ReadTrace.seldom) -> [UInt8]? {
    do {
      return try read(path, isKept: true)
    } catch {
      if error.isAbsence {
        recorder?.note(.absent([path], looks: looks))
      } else {
        fail(path, error)
      }
      return nil
    }
  }

  /// Names in a directory, sorted.
  func list(_ path: String) throws(HostError) -> [String] {
    do {
      let names = try host.list(path)
      recorder?.note(.names(path: path, names))
      return names
    } catch {
      if error.isAbsence {
        recorder?.note(.absent([path], looks: ReadTrace.always))
      } else {
        recorder?.giveUp()
      }
      throw error
    }
  }

  /// The host's name.
  func hostname() -> String? { host.hostname(recorder) }

  /// A small file of the host, of which nothing is told when it says by this `errno` that it has no value.
  mutating func text(path: String, noValue: Int32) -> String? {
    do {
      let bytes = try read(path, isKept: true, limit: 4_096)
      return ScalarParser.text(bytes.span)
    } catch {
      if error.isAbsence {
        recorder?.note(.absent([path], looks: ReadTrace.always))
      } else if error.number == noValue {
        recorder?.note(.refused(path: path, number: noValue))
      } else {
        fail(path, error)
      }
      return nil
    }
  }

  /// Names of the directories in a directory that is no parameter of Lustre, sorted.
  func directories(path: String) throws(HostError) -> [String] {
    do {
      let names = try host.directories(path)
      recorder?.note(.directories(path: path, parent: nil, names: names))
      return names
    } catch {
      if error.isAbsence {
        recorder?.note(.absent([path], looks: ReadTrace.seldom))
      } else {
        recorder?.giveUp()
      }
      throw error
    }
  }

  /// True when something is at the path.
  func exists(_ path: String) -> Bool {
    recorder?.giveUp()
    return host.exists(path)
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
        let listed = try listings.directories(path, of: parent(parameter, root), host)
        note(parameter, root, path, listed)
        guard let found = listed else { continue }
        names = names.isEmpty ? found : Set(names).union(found).sorted()
        isListed = true
      } catch {
        if error.isAbsence {
          note(parameter, root, path, nil)
        } else {
          failure = failure ?? error
          recorder?.giveUp()
        }
      }
    }
    if let failure, !isListed {
      fail(parameter.name(values), failure)
      return nil
    }
    return names
  }

  /// What lists a directory of directories, where that is listed once for all.
  private func parent(_ parameter: Parameter, _ root: ParameterRoot) -> String? {
    parameter.parts == 1 ? root.rawValue : nil
  }

  private func note(
    _ parameter: Parameter, _ root: ParameterRoot, _ path: String, _ names: [String]?
  ) {
    recorder?.note(.directories(path: path, parent: parent(parameter, root), names: names))
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

  /// How many there were, also beyond those that are kept.
  private(set) var complaints = 0

  mutating func fail(_ source: String, _ error: HostError) { fail(source, error.reason) }

  mutating func fail(_ source: String, _ reason: String) {
    recorder?.giveUp()
    complain(source, reason)
  }

  /// A complaint about what is not there, which stands as long as nothing comes.
  mutating func complain(_ source: String, _ reason: String) {
    complaints += 1
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
    let declaration = metric.declaration(of: subject, labels, source: source)
    let place = collection.samples.count
    if let before = recorder?.samplesBefore, place < before.count,
      before[place].declaration == declaration
    {
      collection.samples.append(Sample(before[place].series, bits))
    } else {
      collection.samples.append(Sample(declaration, bits))
    }
  }

  /// Where the numbers of the file that was read last stand, all of which became samples as they are.
  func counts(_ text: CountedText) { recorder?.note(text) }

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
