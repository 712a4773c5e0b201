import HTTPTypes

/// Finds the route of a request.
package struct RouteTable: Sendable {
  package enum Match: Sendable {
    case found(Route, [String: String])
    /// The path is there, with these methods.
    case otherMethods([HTTPRequest.Method])
    case none
  }
  package let routes: [Route]
  package init(_ routes: [Route]) { self.routes = routes }

  /// `HEAD` finds what `GET` would.
  package func match(_ method: HTTPRequest.Method, _ path: String, limits: APILimits) -> Match {
    guard let segments = DecodedSegment.split(path, limit: limits.nameBytes) else { return .none }
    let wanted = method == .head ? .get : method
    var offered: [HTTPRequest.Method] = []
    for route in routes {
      guard let parameters = route.path.match(segments) else { continue }
      if route.method == wanted { return .found(route, parameters) }
      offered += route.method == .get ? [.get, .head] : [route.method]
    }
    return offered.isEmpty ? .none : .otherMethods(offered)
  }
}
