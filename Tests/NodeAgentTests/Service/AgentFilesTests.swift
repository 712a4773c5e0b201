import Foundation
import Protocol
import Testing

@testable import NodeAgent

/// What is kept of an enrolment, damaged: each file is named, and what to do.
@Suite struct AgentFilesTests {
  @Test(arguments: ["key.pem", "certificate.pem", "authority.pem"])
  func aDamagedFileIsNamed(file: String) throws {
    let tree = try TemporaryTree()
    let files = AgentFiles(directory: tree.path)
    for text in [
      nil, "", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
      if let text { try tree.write("/\(file)", text) }
      let error = #expect(throws: DiagnosticError.self) {
        switch file {
        case "key.pem": _ = try files.key()
        case "certificate.pem": _ = try files.certificate()
        default: _ = try files.authority()
        }
      }
      #expect(error?.diagnostic.code == "state-directory-unusable")
      #expect(error?.diagnostic.subject == "\(tree.path)/\(file)")
      #expect(error?.diagnostic.remedy.contains("iml-agent enroll") == true)
    }
  }

  @Test func aKeyThatOthersMayReadIsRefused() throws {
    let tree = try TemporaryTree()
    let files = AgentFiles(directory: tree.path)
    try tree.write("/key.pem", "what only the agent reads")
    for mode in [0o644, 0o602, 0o660] {
      try FileManager.default.setAttributes(
        [.posixPermissions: mode], ofItemAtPath: tree.path + "/key.pem")
      let error = #expect(throws: DiagnosticError.self) { try files.keyPEM() }
      #expect(error?.diagnostic.remedy.contains("chmod 600 \(tree.path)/key.pem") == true)
    }
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o600], ofItemAtPath: tree.path + "/key.pem")
    #expect(try !files.keyPEM().isEmpty)
  }
}
