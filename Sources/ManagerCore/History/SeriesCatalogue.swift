import Protocol

/// Every series that the manager ever kept, by number.
///
/// Another kind, unit, number of decimals or width of the same series is another entry, because old
/// values must never be read with new scales. Numbers are handed to the store by `takeNew` before
/// any block that uses them is written: a block must not outlive the meaning of its numbers.
///
/// Series of many servers and targets differ in little: whose they are, what they measure and their
/// labels are kept once each, so that a series takes some thirty bytes.
package struct SeriesCatalogue: Sendable {
  /// What is measured: all of a series but whose it is and its labels.
  private struct Form: Hashable, Sendable {
    var metric: String
    var kind: SeriesKind
    var unit: String
    var decimals: UInt8
    var width: UInt8
  }

  /// A series by places in the tables.
  private struct Record: Hashable, Sendable {
    var subject: UInt32
    var form: UInt32
    var labels: UInt32
  }

  private var subjects = InternTable<StoredSubject>()
  private var forms = InternTable<Form>()
  private var labels = InternTable<[String: String]>()
  /// Ascending, with the record at the same place. Numbers count up from 0, so that a number nearly
  /// always is its own place.
  private var ids: [SeriesID] = []
  private var records: [Record] = []
  /// Places in `records` by the hash of the record: one more than the place, 0 where nothing is.
  private var slots: [UInt32] = []
  private var idsByMetric: [String: [SeriesID]] = [:]
  /// Places of what is new.
  private var new: [Int] = []
  private var next: SeriesID = 0

  /// The catalogue as the store has it.
  package init(entries: [(SeriesID, StoredSeries)] = []) {
    ids.reserveCapacity(entries.count)
    records.reserveCapacity(entries.count)
    for (id, series) in entries.sorted(by: { $0.0 < $1.0 }) { load(series, id) }
  }

  /// One more of the store's; the ids come ascending.
  package mutating func load(_ series: StoredSeries, _ id: SeriesID) {
    guard ids.last.map({ $0 < id }) ?? true else { return }
    insert(record(of: series), series.metric, id)
    next = id &+ 1
  }

  /// No number up to this one is given any more.
  package mutating func spare(through id: SeriesID) {
    if next <= id, id < .max { next = id + 1 }
  }

  /// How many series are known.
  package var count: Int { ids.count }

  /// The number of a series, if it has one.
  package func knownID(of series: StoredSeries) -> SeriesID? {
    let form = Form(
      metric: series.metric, kind: series.kind, unit: series.unit, decimals: series.decimals,
      width: series.width)
    guard let subject = subjects.known(series.subject), let form = forms.known(form),
      let labels = labels.known(series.labels)
    else { return nil }
    return slot(of: Record(subject: subject, form: form, labels: labels)).place.map { ids[$0] }
  }

  /// The number of a series; one that is new gets a number that no other ever had.
  package mutating func id(of series: StoredSeries) -> SeriesID {
    let record = record(of: series)
    if let place = slot(of: record).place { return ids[place] }
    // Only a store that used the very last number makes this search for a hole.
    while place(of: next) != nil { next &+= 1 }
    let id = next
    next &+= 1
    new.append(insert(record, series.metric, id))
    return id
  }

  /// What was numbered since the last call, in order of number; to be stored before it is used.
  package mutating func takeNew() -> [(SeriesID, StoredSeries)] {
    defer { new = [] }
    return new.map { (ids[$0], series(at: $0)) }
  }

  /// The series of a number; `nil` for a number never given.
  package func series(_ id: SeriesID) -> StoredSeries? { place(of: id).map(series(at:)) }

  /// All series of one metric, ascending by number.
  package func ids(ofMetric metric: String) -> [SeriesID] { idsByMetric[metric] ?? [] }

  /// The same of those whose own labels are wanted: asked once for all that have the same ones.
  package func ids(
    ofMetric metric: String, where isWanted: ([String: String]) -> Bool
  ) -> [SeriesID] {
    var known: [UInt32: Bool] = [:]
    return ids(ofMetric: metric).filter { id in
      guard let place = place(of: id) else { return false }
      let number = records[place].labels
      if let answer = known[number] { return answer }
      let answer = isWanted(labels[number])
      known[number] = answer
      return answer
    }
  }

  /// The names of all metrics, sorted.
  package var metrics: [String] { idsByMetric.keys.sorted() }

  // MARK: Records

  private mutating func record(of series: StoredSeries) -> Record {
    Record(
      subject: subjects.place(of: series.subject),
      form: forms.place(
        of: Form(
          metric: series.metric, kind: series.kind, unit: series.unit, decimals: series.decimals,
          width: series.width)),
      labels: labels.place(of: series.labels))
  }

  private func series(at place: Int) -> StoredSeries {
    let record = records[place]
    let form = forms[record.form]
    return StoredSeries(
      subject: subjects[record.subject], metric: form.metric, labels: labels[record.labels],
      kind: form.kind, unit: form.unit, decimals: form.decimals, width: form.width)
  }

  private func place(of id: SeriesID) -> Int? {
    if Int(id) < ids.count && ids[Int(id)] == id { return Int(id) }
    var low = 0
    var high = ids.count
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id ? low : nil
  }

  /// - Returns: the place of the record.
  @discardableResult
  private mutating func insert(_ record: Record, _ metric: String, _ id: SeriesID) -> Int {
    let isLast = ids.last.map { $0 < id } ?? true
    guard isLast else {
      // Numbers have run out, and this one fills a hole: what lies behind it moves.
      let place = ids.firstIndex { $0 > id } ?? ids.count
      ids.insert(id, at: place)
      records.insert(record, at: place)
      new = new.map { $0 >= place ? $0 + 1 : $0 }
      hash()
      idsByMetric[metric] = ((idsByMetric[metric] ?? []) + [id]).sorted()
      return place
    }
    ids.append(id)
    records.append(record)
    if slots.count * 3 < records.count * 4 {
      hash()
    } else {
      enter(records.count - 1)
    }
    idsByMetric[metric, default: []].append(id)
    return records.count - 1
  }

  // MARK: The table of records

  private mutating func hash() {
    var size = max(16, slots.count)
    // Filled to three quarters at most, three eighths after it grew.
    while size * 3 < records.count * 4 { size *= 2 }
    slots = Array(repeating: 0, count: size)
    for place in records.indices { enter(place) }
  }

  /// Of two equal records the first counts.
  private mutating func enter(_ place: Int) {
    let found = slot(of: records[place])
    if found.place == nil { slots[found.slot] = UInt32(place) + 1 }
  }

  /// Where a record is or would be. The table is never full.
  private func slot(of record: Record) -> (slot: Int, place: Int?) {
    guard !slots.isEmpty else { return (0, nil) }
    var slot = record.hashValue & (slots.count - 1)
    while slots[slot] > 0 {
      let place = Int(slots[slot]) - 1
      if records[place] == record { return (slot, place) }
      slot = (slot + 1) & (slots.count - 1)
    }
    return (slot, nil)
  }
}

/// Values that are kept once, by place.
private struct InternTable<Value: Hashable & Sendable>: Sendable {
  private var values: [Value] = []
  private var places: [Value: UInt32] = [:]

  subscript(place: UInt32) -> Value { values[Int(place)] }

  func known(_ value: Value) -> UInt32? { places[value] }

  mutating func place(of value: Value) -> UInt32 {
    if let known = places[value] { return known }
    let place = UInt32(values.count)
    values.append(value)
    places[value] = place
    return place
  }
}
