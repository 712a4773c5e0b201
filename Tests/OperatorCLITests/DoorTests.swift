import ArgumentParser
import Testing

@testable import OperatorCLI

/// Which manager a command line and its environment name.
@Suite struct DoorTests {
  private let remote = [
    "IML_TOKEN": " imlapi1.a.b\n", "IML_CA_PIN": String(repeating: "ab", count: 32),
  ]

  private func door(_ arguments: [String], _ environment: [String: String]) throws -> String {
    switch try ConnectionOptions.parse(arguments).door(environment) {
    case .socket(let path): return path
    case .https(let address, let token, let trust):
      guard case .pin(let pin) = trust.anchor else { return "no pin" }
      return "\(address.text) \(token) \(pin.prefix(4))"
    }
  }

  @Test(arguments: [
    ("mgr", "mgr:8443"), ("mgr.site:1", "mgr.site:1"), ("10.0.0.1:65535", "10.0.0.1:65535"),
    ("::1", "[::1]:8443"), ("[fe80::1]", "[fe80::1]:8443"), ("[::1]:80", "[::1]:80"),
  ])
  func addressesHaveAPortOrTheUsualOne(text: String, full: String) {
    #expect(ManagerAddress(text)?.text == full)
  }

  @Test(arguments: [
    "", ":", ":1", "a:", "a:0", "a:65536", "a:+1", "a:-1", "a:b", "a b", "a/b", "a@b", "a?b",
    "[::1",
    "[]", "[::1]x", "[::1]:", "https://a", "a\n", "a%41", "ä",
  ])
  func otherAddressesAreRefused(text: String) {
    #expect(ManagerAddress(text) == nil)
  }

  @Test func lineWinsOverTheEnvironment() throws {
    let both = remote.merging(["IML_MANAGER": "env", "IML_SOCKET": "/s"]) { $1 }
    #expect(try door([], both) == "env:8443 imlapi1.a.b abab")
    #expect(try door(["--manager", "m:1"], both) == "m:1 imlapi1.a.b abab")
    #expect(try door(["--socket", "/t"], both) == "/t")
    #expect(try door([], ["IML_MANAGER": "", "IML_SOCKET": "/s"]) == "/s")
    let other = String(repeating: "CD:", count: 31) + "CD"
    #expect(try door(["--manager", "m", "--ca-pin", other], remote).hasSuffix(" cdcd"))
  }

  @Test(arguments: [
    ["--manager", "m", "--socket", "s"], ["--manager", "m", "--state-dir", "s"],
    ["--manager", "a b"], ["--ca", "f", "--ca-pin", "x"], ["--ca-pin", "abc"],
  ])
  func linesThatContradictThemselvesAreUsage(arguments: [String]) {
    #expect(throws: (any Error).self) { try ConnectionOptions.parse(arguments) }
  }

  @Test func whatIsMissingIsNamedWithTheNextStep() throws {
    func complaint(_ arguments: [String], _ environment: [String: String]) throws -> String {
      let error = #expect(throws: Complaint.self) { try door(arguments, environment) }
      #expect(error?.outcome == .usage)
      return try #require(error).reason
    }
    #expect(try complaint(["--manager", "m"], [:]) == "there is no token for it")
    #expect(
      try complaint(["--manager", "m"], ["IML_TOKEN": "a b"]) == "it does not hold one token")
    #expect(
      try complaint(["--manager", "m"], ["IML_TOKEN": "t"]).hasPrefix("nothing tells how to know"))
    #expect(try complaint([], ["IML_MANAGER": "a b"]).hasPrefix("no HOST"))
    #expect(try complaint(["--ca", "f"], [:]) == "it is for a manager on another host")
    #expect(
      try complaint([], ["IML_MANAGER": "m", "IML_TOKEN": "t", "IML_CA_PIN": "12"])
        == "it has not 64 hexadecimal digits")
  }
}
