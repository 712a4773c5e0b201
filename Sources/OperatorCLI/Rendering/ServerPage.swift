import ManagerCore
import Protocol

/// `iml server show`: all that the manager knows of one server.
enum ServerPage {
  static func render(_ server: Reply<ServerDetail>, now: Int64, _ style: Style) -> String {
    page([
      "\(printable(server.summary.hostname))\n" + facts(server, now).render(style),
      FindingsBlock.render(
        server.list("findings", server.findings),
        seeAll: "iml server show \(server.summary.hostname) -o json", style),
      sections(server.sections).render(style),
      losses(server.losses, style),
      log(server.recentLog, style),
    ])
  }

  private static func facts(_ server: Reply<ServerDetail>, _ now: Int64) -> Facts {
    let summary = server.member("summary", server.summary)
    let health = summary.word("health", summary.health)
    var facts = Facts()
    facts.add("Id", summary.id.text)
    facts.add(
      "Health", summary.reason.isEmpty ? health : "\(health): \(summary.reason)",
      Tone(word: health))
    facts.add("Contact", contact(summary, server.sessionSeconds))
    facts.add("Address", server.address)
    facts.add("Profile", summary.profile)
    facts.add("Agent", server.agentVersion)
    facts.add("Reads", summary.readsTree ? "a tree, not a live server" : nil)
    facts.add("Lustre", summary.lustreVersion)
    facts.add("System", system(server.sections))
    facts.add("NIDs", nids(server.sections))
    facts.add("Boot", summary.bootID?.text)
    facts.add("Clock", clock(server.clockOffsetSeconds))
    facts.add(
      "Certificate", certificate(server.view, now), summary.isRevoked == true ? .bad : .plain)
    facts.add("Targets", targets(summary.view))
    facts.add(
      "Received",
      "\(Quantities.count(server.batchesReceived)) batches,"
        + " \(Quantities.count(server.samplesReceived)) samples")
    return facts
  }

  private static func contact(_ summary: Reply<ServerSummary>, _ session: Double?) -> String {
    let word = summary.word("contact", summary.contact)
    let heard = summary.heardSecondsAgo.map { ", heard \(Quantities.ago($0))" } ?? ""
    let since = session.map { ", in session for \(Quantities.span($0))" } ?? ""
    return word + heard + since
  }

  /// Of a server that is not heard, what it served when it last was.
  private static func targets(_ summary: ServerSummary) -> String {
    let labels = summary.targets.isEmpty ? "none" : summary.targets.joined(separator: " ")
    return summary.contact == .connected ? labels : "\(labels) (by its last evidence)"
  }

  private static func clock(_ offset: Double?) -> String? {
    guard let offset, offset.isFinite else { return nil }
    if abs(offset) < 0.1 { return "agrees with the manager's" }
    let size = Quantities.measure(abs(offset), unit: "seconds", perSecond: false)
    return "\(size) \(offset > 0 ? "behind" : "ahead of") the manager's"
  }

  private static func certificate(_ server: ServerDetail, _ now: Int64) -> String? {
    guard let serial = server.certificateSerial else { return nil }
    let expiry = server.certificateExpiresNanoseconds.map {
      ", until \(Quantities.expiry($0, now: now))"
    }
    if server.summary.isRevoked == true {
      return "revoked: serial \(serial); until it is enrolled anew, it is not heard"
    }
    return "serial \(serial)\(expiry ?? "")"
  }

  private static func sections(_ sections: [SectionView]) -> Table {
    Table(
      columns: [
        .init("SECTION"), .init("COLLECTOR"), .init("CURRENT"), .init("SEEN", .number),
      ],
      rows: sections.sorted { $0.key < $1.key }.map { section in
        [
          Cell(section.key.description), Cell(name: section.collector),
          Cell(section.isCurrent ? "yes" : "no", section.isCurrent ? .good : .uncertain),
          Cell(Quantities.ago(section.evidenceSecondsAgo)),
        ]
      })
  }

  private static func losses(_ losses: [SampleLoss], _ style: Style) -> String {
    guard !losses.isEmpty else { return "" }
    // A replay finds some late.
    let sorted = losses.sorted { $0.beforeNanoseconds < $1.beforeNanoseconds }
    let rows = sorted.map { loss in
      [
        Cell(loss.afterNanoseconds.map { Quantities.moment($0) } ?? "the beginning"),
        Cell(Quantities.moment(loss.beforeNanoseconds)),
        Cell(loss.batches.map(String.init) ?? "unknown"),
        Cell(loss.samples.map(String.init) ?? "unknown"), Cell(loss.reason),
      ]
    }
    let table = Table(
      columns: [
        .init("LOST AFTER"), .init("AND BEFORE"), .init("BATCHES", .number),
        .init("SAMPLES", .number), .init("REASON", .flow),
      ], rows: rows)
    return table.render(style)
  }

  private static func log(_ lines: [LogLine], _ style: Style) -> String {
    guard !lines.isEmpty else { return "" }
    let rows = lines.map { line in
      [
        Cell(Quantities.moment(line.stamp.wallNanoseconds)), Cell(line.origin),
        Cell(priority(line.priority)), Cell(line.text),
      ]
    }
    return Table(
      columns: [.init("LOGGED"), .init("BY"), .init("PRIORITY"), .init("LINE", .flow)], rows: rows
    ).render(style)
  }

  /// syslog's words.
  private static func priority(_ number: Int) -> String {
    let words = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]
    return words.indices.contains(number) ? words[number] : String(number)
  }
}

extension ServerPage {
  private static func body<Body: SectionBody>(_ type: Body.Type, _ sections: [SectionView]) -> Body?
  {
    guard let section = sections.first(where: { $0.key.name == type.sectionName }),
      let bytes = try? CanonicalJSON.encode(section.body)
    else { return nil }
    return try? CanonicalJSON.decode(type, from: bytes)
  }

  /// `Rocky Linux 9.4, kernel 5.14…, 32 processors, 125.4 GiB memory`
  private static func system(_ sections: [SectionView]) -> String? {
    guard let host = body(HostSection.self, sections) else { return nil }
    return [
      host.operatingSystem, host.kernel.map { "kernel \($0)" },
      host.processors.map { plural($0, "processor") },
      host.memoryBytes.map { "\(Quantities.bytes($0)) memory" },
    ].compactMap { $0 }.joined(separator: ", ")
  }

  private static func nids(_ sections: [SectionView]) -> String? {
    guard let lnet = body(LNetSection.self, sections) else { return nil }
    return lnet.interfaces.filter { !$0.nid.hasSuffix("@lo") }
      .map { $0.status == "up" ? $0.nid : "\($0.nid) (\($0.status))" }.joined(separator: " ")
  }
}
