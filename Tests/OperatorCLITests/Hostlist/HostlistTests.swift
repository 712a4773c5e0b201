import Testing

@testable import OperatorCLI

@Suite struct HostlistTests {
  private static let groups = [
    "oss": "oss[01-03]", "all": "@oss,mds1", "a": "@b", "b": "@a", "bad": "x[",
    "many": "n[1-60000]",
  ]

  private func expand(_ text: String) throws -> [String] {
    try Hostlist(text) { name in
      guard let list = HostlistTests.groups[name] else {
        throw Hostlist.Malformed(position: 1, reason: "none")
      }
      return list
    }.names
  }

  @Test(arguments: [
    ("oss1", ["oss1"]),
    ("oss[01-03,20].site", ["oss01.site", "oss02.site", "oss03.site", "oss20.site"]),
    ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
    ("n[8-11]", ["n8", "n9", "n10", "n11"]), ("n[08-11]", ["n08", "n09", "n10", "n11"]),
    ("n[098-101]", ["n098", "n099", "n100", "n101"]), ("n[001-2]", ["n001", "n002"]),
    ("n[0-10/5]", ["n0", "n5", "n10"]), ("[1-2]", ["1", "2"]), ("a[1]b", ["a1b"]),
    ("a,b , c", ["a", "b", "c"]), ("a,a,b", ["a", "b"]),
    ("n[1-4]!n3", ["n1", "n2", "n4"]), ("n[1-4]!n[2-3],n3", ["n1", "n4", "n3"]),
    ("a,b!a", ["b"]), ("a!a", []),
    ("@oss", ["oss01", "oss02", "oss03"]), ("@all!oss02", ["oss01", "oss03", "mds1"]),
    ("10.0.0.1@tcp/fs1", ["10.0.0.1@tcp/fs1"]), ("mds 01", ["mds 01"]),
    ("n[999999999999999999]", ["n999999999999999999"]),
  ])
  func listsExpandInOrder(text: String, names: [String]) throws {
    #expect(try expand(text) == names)
  }

  /// Each is a frame of the stack, and the file may be anybody's.
  @Test func groupsInGroupsEndSomewhere() throws {
    func expand(_ depth: Int) throws -> [String] {
      try Hostlist("@g1") { name in
        let number = Int(name.dropFirst()) ?? 0
        return number < depth ? "@g\(number + 1)" : "oss1"
      }.names
    }
    #expect(try expand(8) == ["oss1"])
    let error = #expect(throws: Hostlist.Malformed.self) { try expand(9) }
    #expect(error?.reason.contains("groups are in groups more than 8 deep") == true)
    #expect(throws: Hostlist.Malformed.self) { try expand(100_000) }
  }

  @Test(arguments: [
    ("", 1, "a name is missing"), ("a,", 3, "a name is missing"), (",a", 1, "a name is missing"),
    ("a,,b", 3, "a name is missing"), ("!a", 1, "a name is missing"),
    ("a!", 3, "a name is missing"),
    ("n[1-3", 2, "this bracket is not closed"), ("n[", 3, "the bracket ends too early"),
    ("n]", 2, "there is no bracket to close"), ("n[]", 3, "a number is missing"),
    ("n[1,]", 5, "a number is missing"), ("n[a]", 3, "a number is missing"),
    ("n[1-]", 5, "a number is missing"), ("n[1 -2]", 4, "in brackets stand numbers"),
    ("n[3-1]", 3, "this range goes backwards"), ("n[01-002]", 3, "both ends of a range"),
    ("n[1-02]", 3, "both ends of a range"), ("n[1-2/0]", 7, "a step is at least 1"),
    ("n[1234567890123456789]", 3, "a number has at most 18 digits"), ("n[[1]]", 3, "a number"),
    ("a,n[1-99999]", 3, "these are more than 65536 names"),
    ("n[0-999999999999999999]", 1, "these are more than 65536 names"),
    ("n[1-300]m[1-300]", 1, "these are more than 65536 names"),
    ("@many,a[1-9000]", 7, "with this they are more than 65536 names"),
    ("@", 2, "the name of a group is missing"), ("@o[1]", 3, "the name of a group has no brackets"),
    ("x,@a", 3, "in the group 'a', at character 1"),
    ("@bad", 1, "in the group 'bad', at character"),
  ])
  func whatCanNotBeMeantIsNamedWithItsPlace(text: String, position: Int, reason: String) {
    let error = #expect(throws: Hostlist.Malformed.self) { try expand(text) }
    #expect(error?.position == position)
    #expect(error?.reason.hasPrefix(reason) ?? false, "\(error?.reason ?? "")")
  }

  @Test func namesAndWorkAreBounded() throws {
    #expect(try expand("n[1-65536]").count == Hostlist.namesMax)
    let long = String(repeating: "x", count: Hostlist.nameBytesMax)
    #expect(try expand(long).count == 1)
    #expect(throws: Hostlist.Malformed.self) { try expand(long + "x") }
    #expect(throws: Hostlist.Malformed.self) {
      try expand("n" + String(repeating: "[1]", count: 99))
    }
    // Taking away costs as much as naming.
    let again = Array(repeating: "n[1-60000]", count: 3).joined(separator: "!")
    #expect(throws: Hostlist.Malformed.self) { try expand(again) }
  }

  @Test(arguments: [
    (["oss01", "oss02", "oss03", "oss04"], "oss[01-04]"), (["a"], "a"), ([], ""),
    (["n1", "n3", "n2", "n7"], "n[1-3,7]"), (["n9", "n10"], "n[9-10]"),
    (["n09", "n10", "n11"], "n[09-11]"), (["n1", "n01", "n001"], "n1,n01,n001"),
    (["r1n1", "r1n2", "r2n1", "r2n2"], "r[1-2]n[1-2]"), (["r1n1", "r2n2"], "r1n1,r2n2"),
    (["r1n1", "r1n2", "r2n1"], "r1n[1-2],r2n1"), (["b1", "a1", "b2"], "b[1-2],a1"),
    (["oss1.site2", "oss2.site2"], "oss[1-2].site2"), (["x", "x"], "x"), (["n0", "n00"], "n0,n00"),
    (["n1234567890123456789"], "n1234567890123456789"),
  ])
  func namesFold(names: [String], text: String) {
    #expect(HostlistFold.text(names) == text)
  }

  @Test func everySetFoldsToAListOfItself() throws {
    var random = SplitMix(state: 7)
    for _ in 0..<400 {
      let prefixes = ["oss", "r", "a.b-", ""]
      let count = random.below(40)
      let names = (0..<count).map { _ in
        let width = random.below(4)
        func number() -> String {
          HostlistPattern.padded(UInt64(random.below(30)), to: width)
        }
        let start = prefixes[random.below(4)]
        return random.below(2) == 0 ? start + "x" + number() : start + number() + "n" + number()
      }
      let text = HostlistFold.text(names)
      let back = text.isEmpty ? [] : try Hostlist(text).names
      #expect(Set(back) == Set(names), "\(text)")
      #expect(back.count == Set(back).count)
    }
  }

  @Test func noTextTrapsTheParser() {
    var random = SplitMix(state: 11)
    let words = [
      "[", "]", "-", ",", "!", "@", "/", " ", "0", "1", "09", "999", "65536", "a", "oss", "n[1-9]",
      "@oss", "@a", "@all", "\u{301}", "é", "\u{0}", "18446744073709551615",
    ]
    for _ in 0..<20_000 {
      let text = (0..<random.below(12)).map { _ in words[random.below(words.count)] }.joined()
      if let names = try? expand(text) {
        #expect(names.count <= Hostlist.namesMax && !names.contains(""))
      }
    }
  }
}

/// Sebastiano Vigna's splitmix64: the same seed gives the same numbers.
struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ limit: Int) -> Int { limit == 0 ? 0 : Int(next() % UInt64(limit)) }
}

/// The groups file, with bytes changed.
@Suite struct NodeGroupsFuzzTests {
  @Test func noTextTrapsTheGroupsFile() {
    let good = Array("# ours\noss: oss[01-16]\nmds: mds1,mds2 # two\nall: @oss,@mds\n".utf8)
    let pieces = [":", "#", "\n", "\r\n", " ", "\u{2028}", "@", "é", "\0", "\u{fffd}", "oss"]
    var random = SplitMix(state: 0x6e0d)
    var read = 0
    for _ in 0..<5_000 {
      var bytes = good
      for _ in 0...random.below(5) {
        let place = random.below(bytes.count + 1)
        switch random.below(3) {
        case 0 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.below(9)))
        default:
          bytes.insert(contentsOf: pieces[random.below(pieces.count)].utf8, at: place)
        }
      }
      do throws(NodeGroups.Malformed) {
        let groups = try NodeGroups(String(decoding: bytes, as: UTF8.self))
        read += 1
        #expect(groups.lists.allSatisfy { !$0.key.isEmpty && !$0.value.isEmpty })
      } catch {
        #expect(error.line >= 1 && !error.reason.isEmpty)
      }
    }
    #expect(read > 200 && read < 5_000)
  }
}
