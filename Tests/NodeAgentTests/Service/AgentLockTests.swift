import Glibc
import Protocol
import Testing

@testable import NodeAgent

@Suite struct AgentLockTests {
  @Test func aSecondAgentIsKeptOutUntilTheFirstHasEnded() throws {
    let tree = try TemporaryTree()
    var first = try AgentLock(directory: tree.path)
    #expect(first != nil)
    do {
      _ = try AgentLock(directory: tree.path)
      Issue.record("two agents on one state directory")
    } catch let error as DiagnosticError {
      #expect(error.diagnostic.code == "state-directory-unusable")
      #expect(error.diagnostic.reason.contains("another agent (pid \(getpid()))"))
    }
    first = nil
    #expect(try AgentLock(directory: tree.path) != nil)
  }

  @Test func whereNothingCanBeLockedAnAgentRunsAllTheSame() throws {
    #expect(try AgentLock(directory: "/proc/nowhere") == nil)
  }

  @Test func aProcessThatRunsIsNotDying() {
    #expect(!AgentLock.isDying(getpid()))
    #expect(!AgentLock.isDying(0))
  }
}
