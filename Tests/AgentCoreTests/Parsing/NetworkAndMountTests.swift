import AgentCore
import Protocol
import Testing

@Suite struct NetworkAndMountTests {
  @Test func lnetStatsAreElevenNumbers() {
    let bytes = Array("0 28 3 4294967295 101719291 5 6 21201322992 53029565353720 7 8\n".utf8)
    let parsed = LNetParser.stats(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value?.maximum == 28 && parsed.value?.errors == 3)
    #expect(parsed.value?.sent == 4_294_967_295 && parsed.value?.received == 101_719_291)
    #expect(parsed.value?.routed == 5 && parsed.value?.dropped == 6)
    #expect(parsed.value?.sentBytes == 21_201_322_992)
    #expect(parsed.value?.receivedBytes == 53_029_565_353_720)
    #expect(parsed.value?.routedBytes == 7 && parsed.value?.droppedBytes == 8)
  }

  @Test(arguments: ["1 2 3\n", "0 28 3 x 1 5 6 2 5 7 8\n", "0 0 0 4294967296 0 0 0 0 0 0 0\n"])
  func otherLNetStatsAreLeftOver(text: String) {
    let bytes = Array(text.utf8)
    let parsed = LNetParser.stats(bytes.span)
    #expect(parsed.value == nil && parsed.leftovers.texts.count == 1)
  }

  @Test func interfacesOfOneNIDAreTakenTogether() {
    let bytes = Array(NetworkTexts.nis.utf8)
    let parsed = LNetParser.interfaces(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.map { $0.nid } == ["0@lo", "10.0.0.1@tcp", "10.1.0.1@o2ib"])
    #expect(parsed.value.map { $0.status } == ["up", "down", "up"])
    #expect(parsed.value[1].credits == 252 && parsed.value[1].minimumCredits == -9)
  }

  @Test func peersWithoutTheirHeadingAreNoTable() {
    #expect(LNetParser.peers(Array(NetworkTexts.peers.utf8).span).value.isTable)
    for text in ["", "noise\n", "10.0.0.9@tcp 1 up -1 8 8 8 8 7 0\n"] {
      #expect(!LNetParser.peers(Array(text.utf8).span).value.isTable)
    }
  }

  @Test func peersAreCounted() {
    let bytes = Array(NetworkTexts.peers.utf8)
    let parsed = LNetParser.peers(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.up == 1 && parsed.value.down == 2 && parsed.value.unknown == 1)
    #expect(parsed.value.downPeers == ["10.0.0.3@tcp", "2001:db8::7@tcp"])
    #expect(parsed.value.queuedBytes == 4_096)
  }

  @Test(arguments: [
    ("10.0.0.1@tcp", ["10.0.0.1@tcp"]),
    ("10.0.0.1@tcp:10.0.0.2@tcp", ["10.0.0.1@tcp", "10.0.0.2@tcp"]),
    (
      "10.0.0.1@tcp,10.1.0.1@o2ib1:10.0.0.2@tcp,10.1.0.2@o2ib1",
      ["10.0.0.1@tcp", "10.1.0.1@o2ib1", "10.0.0.2@tcp", "10.1.0.2@o2ib1"]
    ),
    ("2001:db8::1@tcp:2001:db8::2@tcp", ["2001:db8::1@tcp", "2001:db8::2@tcp"]),
    ("10.0.0.1@tcp:10.0.0.2@tcp:/fs1", ["10.0.0.1@tcp", "10.0.0.2@tcp"]),
    ("10.0.0.1@tcp:10.0.0.1@tcp", ["10.0.0.1@tcp"]),
    ("", []), ("@tcp", []), ("10.0.0.1@", []), ("10.0.0.1", []), ("a b@tcp", []),
  ])
  func nodesArePartedByColonsAndNIDsByCommas(text: String, nids: [String]) {
    #expect(NIDList.parse(text) == nids)
  }

  @Test func nidListsAreBounded() {
    let text = (0..<1_000).map { "10.0.\($0 / 256).\($0 % 256)@tcp" }.joined(separator: ":")
    #expect(NIDList.parse(text).count == NIDList.limit)
  }

  @Test func mountinfoKeepsLustreLinesOnly() throws {
    let bytes = Array(NetworkTexts.mountinfo.utf8)
    let parsed = MountParser.mountinfo(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.count == 4)
    let mdt = parsed.value[0]
    #expect(mdt.role == .target && mdt.name == "fs1-MDT0000" && mdt.type == "lustre")
    #expect(mdt.mountPoint == "/mnt/my mdt")
    #expect(
      mdt.mgsNIDs == ["10.0.0.1@tcp", "10.1.0.1@o2ib", "10.0.0.2@tcp", "10.1.0.2@o2ib"])
    #expect(!mdt.isReadOnly)
    let ost = parsed.value[1]
    #expect(ost.type == "lustre_tgt" && ost.source == "ost00/ost00" && ost.isReadOnly)
    #expect(ost.options.first == "ro" && !ost.options.contains("rw"))
    #expect(ost.name == "fs1:OST0000" && ost.mgsNIDs == ["10.0.0.1@tcp", "10.0.0.9@tcp"])
    let client = parsed.value[2]
    #expect(client.role == .client && client.name == "fs1")
    #expect(parsed.value[3].name == "fs2", "a client of a subdirectory")
  }

  @Test func mountsSayTheSame() {
    let bytes = Array(NetworkTexts.mounts.utf8)
    let parsed = MountParser.mounts(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.map { $0.name } == [nil, "fs1"])
    #expect(parsed.value[0].isReadOnly, "2.10 always says so; the collector knows the release")
    #expect(parsed.value[1].role == .client)
  }

  @Test func brokenMountLinesAreLeftOver() {
    let bytes = Array("36 35 98:0 / /mnt rw,noatime\nx\n".utf8)
    #expect(MountParser.mountinfo(bytes.span).leftovers.texts.count == 2)
  }
}

/// Written for these tests after the grammars of the files.
enum NetworkTexts {
  static let nis = """
    nid                      status alive refs peer  rtr   max    tx   min
    0@lo                         up     0    2    0    0     0     0     0
    10.0.0.1@tcp                 up    -1    1    8    0   256   256   247
    10.0.0.1@tcp               down    -1    1    8    0   256    -4    -9
    10.1.0.1@o2ib                up     0    3    8    0   256   256   200

    """
  static let peers = """
    nid                      refs state  last   max   rtr   min    tx   min queue
    10.0.0.2@tcp                4    up    -1     8     8     8     8     6 0
    10.0.0.3@tcp                1  down    99     8     8     8     8     6 4096
    10.0.0.4@tcp                1    NA    -1     8     8     8     8     6 0
    2001:db8::7@tcp             1  down    12     8     8     8     8     6 0

    """
  static let mountinfo = """
    22 1 253:0 / / rw,relatime shared:1 - xfs /dev/mapper/root rw,attr2
    80 22 0:55 / /mnt/my\\040mdt rw,relatime shared:40 - lustre /dev/mapper/mdt rw,svname=fs1-MDT0000,mgsnode=10.0.0.1@tcp,10.1.0.1@o2ib:10.0.0.2@tcp,10.1.0.2@o2ib,osd=osd-ldiskfs
    81 22 0:56 / /mnt/ost rw,relatime - lustre_tgt ost00/ost00 ro,svname=fs1:OST0000,mgsnode=10.0.0.1@tcp,mgsnode=10.0.0.9@tcp,osd=osd-zfs
    82 22 0:57 / /mnt/fs1 rw,relatime shared:2 master:3 - lustre 10.0.0.1@tcp:10.0.0.2@tcp:/fs1 rw,flock,user_xattr
    83 22 0:58 / /mnt/fs2 rw,relatime - lustre 2001:db8::1@tcp:/fs2/sub/dir rw

    """
  static let mounts = """
    proc /proc proc rw,nosuid 0 0
    /dev/sdb /mnt/mdt lustre ro 0 0
    10.0.0.1@tcp:/fs1 /mnt/fs1 lustre rw,flock 0 0

    """
}
