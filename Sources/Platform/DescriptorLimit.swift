import Glibc

/// How many descriptors this process may have open at a time.
package enum DescriptorLimit {
  /// Raises what a shell gives (1,024 mostly) as far as it may be raised without rights, which is what it is
  /// for: nothing here uses `select`.
  ///
  /// - Parameter most: more would only cost whoever walks through all of them.
  /// - Returns: the limit from now on; `nil` when it can not be known.
  package static func raise(most: UInt64 = 65_536) -> Int? {
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(kind, &limit) == 0 else { return nil }
    let wanted = min(UInt64(limit.rlim_max), most)
    if UInt64(limit.rlim_cur) < wanted {
      var raised = limit
      raised.rlim_cur = rlim_t(wanted)
      if setrlimit(kind, &raised) == 0 { limit = raised }
    }
    return Int(clamping: UInt64(limit.rlim_cur))
  }
}
