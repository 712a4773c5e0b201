import Protocol

extension TreeBuilder {
  /// The machine itself: names, kernel, processors, memory, load.
  mutating func addHost() {
    let system = layout.operatingSystem
    add("etc/hostname", server.name + "\n")
    add(
      "etc/os-release",
      """
      NAME="\(system.name)"
      VERSION="\(system.version)"
      ID="\(system.id)"
      VERSION_ID="\(system.version)"
      PRETTY_NAME="\(system.name) \(system.version)"

      """)
    add("proc/sys/kernel/hostname", server.name + "\n")
    add("proc/sys/kernel/osrelease", layout.kernel + "\n")
    add("proc/sys/kernel/random/boot_id", server.bootID.text + "\n")
    addProcessors()
    addMemory()
  }

  private var upSeconds: Double { Double(max(0, site.now - server.bootedAt)) / 1e9 }

  private mutating func addProcessors() {
    let traffic = server.traffic
    let runnable = 1 + Int(traffic.loadOne)
    add(
      "proc/loadavg",
      "\(twoDecimals(traffic.loadOne)) \(twoDecimals(traffic.loadFive)) "
        + "\(twoDecimals(traffic.loadFifteen)) \(runnable)/1184 4711\n")

    // Hundredths of a second over all processors. Half of a request's time is waiting for disks.
    let all = UInt64(upSeconds * 100) * UInt64(shape.processors)
    let work = min(traffic.busyMicroseconds / 10_000, all / 2)
    let system = work / 2 + all / 200
    let user = all / 400
    let waiting = work - work / 2
    let idle = all - min(all, system + user + waiting)
    add("proc/uptime", "\(twoDecimals(upSeconds)) \(twoDecimals(Double(idle) / 100))\n")
    var stat = "cpu  \(user) 0 \(system) \(idle) \(waiting) 0 0 0 0 0\n"
    let count = UInt64(shape.processors)
    for processor in 0..<count {
      stat +=
        "cpu\(processor) \(user / count) 0 \(system / count) \(idle / count) "
        + "\(waiting / count) 0 0 0 0 0\n"
    }
    stat += """
      ctxt \(all * 7 + traffic.messagesReceived * 4)
      btime \(site.wall(server.bootedAt) / 1_000_000_000)
      processes \(4_711 + all / 9_000)
      procs_running \(runnable)
      procs_blocked 0

      """
    add("proc/stat", stat)
    add(
      "proc/cpuinfo",
      (0..<shape.processors).map { processor in
        """
        processor\t: \(processor)
        vendor_id\t: GenuineIntel
        model name\t: Simulated CPU @ 2.60GHz
        cpu MHz\t\t: 2600.000
        siblings\t: \(shape.processors)


        """
      }.joined())
  }

  private mutating func addMemory() {
    let total = shape.memoryBytes / 1_024
    let traffic = server.traffic
    // The page cache fills with what is read and written, up to six tenths of the memory.
    let cached = min(
      total / 10 * 6, total / 50 + (traffic.bytesSent + traffic.bytesReceived) / 4_096)
    let slab = total / 20 + UInt64(site.plan.clients.count) * 512
    let used = total / 12 + slab
    let free = total - min(total, used + cached)
    let rows: [(String, UInt64)] = [
      ("MemTotal", total), ("MemFree", free), ("MemAvailable", free + cached),
      ("Buffers", cached / 20), ("Cached", cached - cached / 20), ("SwapCached", 0),
      ("SwapTotal", 8_388_604), ("SwapFree", 8_388_604), ("Dirty", cached / 900),
      ("Writeback", 0), ("Slab", slab), ("SReclaimable", slab / 3), ("SUnreclaim", slab - slab / 3),
    ]
    add(
      "proc/meminfo",
      rows.map { leading($0 + ":", 16) + trailing($1, 8) + " kB\n" }.joined())
  }
}
