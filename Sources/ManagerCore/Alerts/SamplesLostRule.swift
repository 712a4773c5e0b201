import Protocol

/// Samples that are gone for good, shown for as long as the policy says.
extension AlertRule {
  static let samplesLost = AlertRule(code: .samplesLost) { site in
    site.servers.compactMap { server in
      // A pause in which nothing was sampled is listed with the server, but is no loss.
      let recent = server.server.losses.filter {
        $0.loss.batches != 0 && site.now - $0.found < site.policy.lossShownNanoseconds
      }
      guard let last = recent.last else { return nil }
      let batches = last.loss.batches.map { "\($0) batches" } ?? "an unknown number of batches"
      let earlier = recent.count > 1 ? "; \(recent.count - 1) more losses before" : ""
      return RaisedFinding(
        // The site is no worse for it: a hole in the charts, told for as long as it is news.
        .samplesLost, .info, on: server, in: site,
        reason: "\(batches) of samples are lost: \(last.loss.reason)\(earlier)",
        since: last.found)
    }
  }
}
