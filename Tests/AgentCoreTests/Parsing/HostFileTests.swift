import AgentCore
import Testing

@Suite struct HostFileTests {
  @Test func meminfoIsInBytes() {
    let bytes = Array(HostTexts.meminfo.utf8)
    let parsed = HostParsers.meminfo(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.total == 16_265_936 * 1_024)
    #expect(parsed.value.available == 9_000_000 * 1_024)
    #expect(parsed.value.swapFree == 0)
  }

  @Test func hugeMemoryIsLeftOverInsteadOfTrapping() {
    let bytes = Array("MemTotal: 18446744073709551615 kB\nMemFree: 1 kB\n".utf8)
    let parsed = HostParsers.meminfo(bytes.span)
    #expect(parsed.value.total == nil && parsed.value.free == 1_024)
    #expect(parsed.leftovers.texts.count == 1)
  }

  @Test func statTellsTimesBootAndProcesses() {
    let bytes = Array(HostTexts.stat.utf8)
    let parsed = HostParsers.stat(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(
      parsed.value.modes.map { $0.name } == [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
      ])
    #expect(parsed.value.modes.map { $0.ticks } == [10, 20, 30, 40, 50, 60, 70, 80])
    #expect(parsed.value.bootedAt == 1_749_000_000)
    #expect(parsed.value.contextSwitches == 123_456 && parsed.value.forks == 789)
    #expect(parsed.value.running == 2 && parsed.value.blocked == 1)
  }

  @Test func loadsAreHundredths() {
    let bytes = Array("0.52 1.05 12.00 2/345 6789\n".utf8)
    #expect(HostParsers.loadavg(bytes.span).value == [52, 105, 1_200])
    let garbage = Array("a b c\n".utf8)
    #expect(HostParsers.loadavg(garbage.span).value == nil)
    #expect(HostParsers.loadavg(garbage.span).leftovers.texts.count == 1)
  }

  @Test func processorsAreCounted() {
    let bytes = Array("processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n".utf8)
    #expect(HostParsers.processors(bytes.span) == 2)
  }

  @Test func osReleaseHasAName() {
    let pretty = Array("NAME=\"Some Linux\"\nPRETTY_NAME=\"Some Linux 9.4 (Onyx)\"\n".utf8)
    #expect(HostParsers.osRelease(pretty.span) == "Some Linux 9.4 (Onyx)")
    let plain = Array("NAME='Some Linux'\nVERSION=9\n".utf8)
    #expect(HostParsers.osRelease(plain.span) == "Some Linux 9")
    let none = Array("ID=x\n".utf8)
    #expect(HostParsers.osRelease(none.span) == nil)
  }

  @Test func netDevReadsNamesThatTouchTheirNumbers() {
    let bytes = Array(HostTexts.netDev.utf8)
    let parsed = HostParsers.netDev(bytes.span)
    #expect(parsed.leftovers.texts == ["broken: 1 2 3"])
    #expect(parsed.value.map { $0.name } == ["lo", "eth0", "eth0:1"])
    #expect(parsed.value[1].receivedBytes == 123 && parsed.value[1].receiveDrops == 4)
    #expect(parsed.value[1].sentBytes == 9 && parsed.value[1].sendDrops == 12)
  }

  @Test func decimalNumbersAreScaledExactly() {
    func scaled(_ text: String) -> Int64? {
      let bytes = Array(text.utf8)
      return bytes.span.scaled(bytes.span.everything, decimals: 2)
    }
    #expect(scaled("1.5") == 150 && scaled("7") == 700 && scaled("-0.05") == -5)
    #expect(scaled("1.234") == nil && scaled("") == nil && scaled("1.x") == nil)
    #expect(scaled("9223372036854775807") == nil)
  }

  @Test func numbersAtTheirLimits() {
    func read(_ text: String) -> (UInt64?, Int64?, UInt64?) {
      let bytes = Array(text.utf8)
      let all = bytes.span.everything
      return (bytes.span.unsigned(all), bytes.span.signed(all), bytes.span.bits(all))
    }
    #expect(read("18446744073709551615") == (.max, nil, .max))
    #expect(read("18446744073709551616") == (nil, nil, nil))
    #expect(read("-9223372036854775808") == (nil, .min, 1 << 63))
    #expect(read("-") == (nil, nil, nil))
    #expect(read("+1") == (nil, nil, nil))
  }
}

/// Written for these tests after proc(5).
enum HostTexts {
  static let meminfo = """
    MemTotal:       16265936 kB
    MemFree:         1000000 kB
    MemAvailable:    9000000 kB
    Buffers:           12345 kB
    Cached:          7000000 kB
    SwapTotal:             0 kB
    SwapFree:              0 kB
    HugePages_Total:       0

    """
  static let stat = """
    cpu  10 20 30 40 50 60 70 80 5 6
    cpu0 10 20 30 40 50 60 70 80 5 6
    intr 1 2 3
    ctxt 123456
    btime 1749000000
    processes 789
    procs_running 2
    procs_blocked 1

    """
  static let netDev = """
    Inter-|   Receive                                                |  Transmit
     face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
        lo: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0
      eth0:123 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
    eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
    broken: 1 2 3

    """
}
