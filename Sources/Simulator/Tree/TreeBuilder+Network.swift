import Protocol

extension TreeBuilder {
  private static let lnet = "sys/kernel/debug/lnet"

  mutating func addNetwork() {
    addLNet()
    addInterfaces()
  }

  private mutating func addLNet() {
    let traffic = server.traffic
    // Message counters have 32 bits in the kernel and wrap; byte counters have 64.
    let sent = UInt32(truncatingIfNeeded: traffic.messagesSent)
    let received = UInt32(truncatingIfNeeded: traffic.messagesReceived)
    add(
      Self.lnet + "/stats",
      "0 28 0 \(sent) \(received) 0 0 \(traffic.bytesSent) \(traffic.bytesReceived) 0 0\n")
    add(Self.lnet + "/lnet_memused", "\(38_912_000 + site.plan.clients.count * 4_096)\n")

    var nis = Self.nisLine("nid", "status", "alive", "refs", "peer", "rtr", "max", "tx", "min")
    nis += Self.nisLine("0@lo", "up", "0", "2", "0", "0", "0", "0", "0")
    // One line a CPU partition, the same NID each time.
    for _ in 0..<2 {
      nis += Self.nisLine(shape.nid, "up", "-1", "1", "8", "0", "256", "256", "241")
    }
    add(Self.lnet + "/nis", nis)

    var peers = Self.peerLine("nid", "refs", "state", "last", "max", "rtr", "tx")
    for (other, peer) in site.servers.enumerated() where other != position {
      peers += Self.peerLine(
        peer.nid, "1", peer.isPoweredOn ? "up" : "down", "-1", "8", "8", "8")
    }
    for client in site.plan.clients {
      peers += Self.peerLine(client.nid, "1", "up", "-1", "8", "8", "8")
    }
    add(Self.lnet + "/peers", peers)
  }

  private static func nisLine(
    _ nid: String, _ status: String, _ alive: String, _ references: String, _ peer: String,
    _ router: String, _ greatest: String, _ transmit: String, _ least: String
  ) -> String {
    leading(nid, 24) + " " + trailing(status, 6) + " " + trailing(alive, 5) + " "
      + trailing(references, 4) + " " + trailing(peer, 4) + " " + trailing(router, 4) + " "
      + trailing(greatest, 5) + " " + trailing(transmit, 5) + " " + trailing(least, 5) + "\n"
  }

  private static func peerLine(
    _ nid: String, _ references: String, _ state: String, _ last: String, _ greatest: String,
    _ router: String, _ transmit: String
  ) -> String {
    // Two columns are called `min`: least router credits, least transmit credits.
    let isHeader = nid == "nid"
    return leading(nid, 24) + " " + trailing(references, 4) + " " + trailing(state, 5) + " "
      + trailing(last, 5) + " " + trailing(greatest, 5) + " " + trailing(router, 5) + " "
      + trailing(isHeader ? "min" : router, 5) + " " + trailing(transmit, 5) + " "
      + trailing(isHeader ? "min" : "5", 5) + " " + (isHeader ? "queue" : "0") + "\n"
  }

  // MARK: Interfaces

  private struct Interface {
    var name: String
    var state: String
    var mtu: Int
    var megabits: Int?
    var address: String
    var received: (bytes: UInt64, packets: UInt64)
    var sent: (bytes: UInt64, packets: UInt64)
  }

  private var interfaces: [Interface] {
    let up = UInt64(max(0, site.now - server.bootedAt) / 1_000_000)
    let traffic = server.traffic
    // Management: a few kilobytes a second. Storage: what LNet moved, with frame and TCP headers.
    let in9000 = traffic.bytesReceived / 8_948 + traffic.messagesReceived
    let out9000 = traffic.bytesSent / 8_948 + traffic.messagesSent
    return [
      Interface(
        name: "eno1", state: server.linkUp ? "up" : "down", mtu: 1_500, megabits: 1_000,
        address: shape.managementMAC, received: (up * 3, up / 100), sent: (up * 5, up / 80)),
      Interface(
        name: "ens1f0", state: "up", mtu: 9_000, megabits: 100_000, address: shape.storageMAC,
        received: (traffic.bytesReceived + in9000 * 66, in9000),
        sent: (traffic.bytesSent + out9000 * 66, out9000)),
      Interface(
        name: "lo", state: "unknown", mtu: 65_536, megabits: nil, address: "00:00:00:00:00:00",
        received: (up / 10, up / 500), sent: (up / 10, up / 500)),
    ]
  }

  private mutating func addInterfaces() {
    var table = """
      Inter-|   Receive                                                |  Transmit
       face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed

      """
    for interface in interfaces {
      let folder = "sys/class/net/" + interface.name
      add(folder + "/operstate", interface.state + "\n")
      add(folder + "/mtu", "\(interface.mtu)\n")
      add(folder + "/address", interface.address + "\n")
      if let megabits = interface.megabits { add(folder + "/speed", "\(megabits)\n") }
      table +=
        trailing(interface.name, 6) + ": " + trailing(interface.received.bytes, 7) + " "
        + trailing(interface.received.packets, 7) + "    0    0    0     0          0         0 "
        + trailing(interface.sent.bytes, 8) + " " + trailing(interface.sent.packets, 7)
        + "    0    0    0     0       0          0\n"
    }
    add("proc/net/dev", table)
  }
}
