/// The manager's clocks at one moment. Ages and expiries follow the monotonic one.
package struct Moment: Hashable, Sendable {
  package var monotonicNanoseconds: Int64
  package var wallNanoseconds: Int64
  package init(monotonicNanoseconds: Int64, wallNanoseconds: Int64) {
    self.monotonicNanoseconds = monotonicNanoseconds
    self.wallNanoseconds = wallNanoseconds
  }
}
