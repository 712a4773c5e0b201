import Foundation
import Testing

@testable import Protocol

/// Every decoder of the wire is in `FuzzTests`, and every message is among its seeds: a new one
/// without them fails here.
@Suite struct DecoderCountTests {
  private static func folder(_ path: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../\(path)")
      .standardized
  }

  @Test func everyDecoderIsFuzzed() throws {
    let decoder =
      /^ *(?:package |static |mutating |fileprivate )*(?:func (?:decode|feed|add|heading|list)|init)\((?:_|type|json)[^)]*(?:Span<UInt8>|\[UInt8\]|Frame)\b/
    let type = /^(?:package )?(?:struct|enum|extension) (\w+)/
    var found: Set<String> = []
    let files = try FileManager.default.contentsOfDirectory(
      at: Self.folder("Sources/Protocol/Wire"), includingPropertiesForKeys: nil)
    for file in files where file.pathExtension == "swift" {
      var name = ""
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        if let match = line.firstMatch(of: type) { name = String(match.1) }
        if line.firstMatch(of: decoder) != nil { found.insert(name) }
      }
    }
    // It is made of its parts, and decoded by `FrameDecoder`.
    found.remove("Frame")
    // Each, and what in `FuzzTests` calls it.
    let calls = [
      "DeclarationCodec": "DeclarationCodec.decode(", "SampleDecoder": "decoder.decode(",
      "CycleDecoder": "cycles.decode(", "FrameDecoder": "decoder.feed(",
      "FrameAssembler": "assembler.add(",
      // `Message` hands these their payloads.
      "Message": "Message(type:", "JobReportCodec": "Message(type:", "LifePrefix": "Message(type:",
    ]
    #expect(found == Set(calls.keys))
    let fuzz = try String(
      contentsOf: Self.folder("Tests/ProtocolTests/Wire/FuzzTests.swift"), encoding: .utf8)
    for (name, call) in calls { #expect(fuzz.contains(call), "\(name) is not fuzzed") }
  }

  @Test func everyMessageIsASeed() throws {
    let seeds = Set(try everyMessage().map(\.type))
    #expect(seeds == Set(MessageType.allCases.map(\.rawValue)))
  }
}
