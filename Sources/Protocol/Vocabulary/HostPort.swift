/// A host and a port as one writes them: an IPv6 address in brackets.
package enum HostPort {
  package static func text(_ host: String, _ port: Int) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
