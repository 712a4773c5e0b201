/// Metrics whose subject is a server.
extension Metric {
  // LNet's message counters are 32 bits wide in the kernel, its byte counters 64.
  package static let lnetAllocated = gauge(
    "lustre_allocated", help: "LNet messages that are allocated", from: "stats")
  package static let lnetMaximum = gauge(
    "lustre_maximum", help: "Most LNet messages that were allocated at once", from: "stats")
  package static let lnetErrors = counter(
    "lustre_errors_total", width: 32, help: "LNet errors", from: "stats")
  package static let lnetSent = counter(
    "lustre_send_count_total", width: 32, help: "LNet messages sent", from: "stats")
  package static let lnetReceived = counter(
    "lustre_receive_count_total", width: 32, help: "LNet messages received", from: "stats")
  package static let lnetRouted = counter(
    "lustre_route_count_total", width: 32, help: "LNet messages routed", from: "stats")
  package static let lnetDropped = counter(
    "lustre_drop_count_total", width: 32, help: "LNet messages dropped", from: "stats")
  package static let lnetSentBytes = counter(
    "lustre_send_bytes_total", "bytes", help: "Bytes that LNet sent", from: "stats")
  package static let lnetReceivedBytes = counter(
    "lustre_receive_bytes_total", "bytes", help: "Bytes that LNet received", from: "stats")
  package static let lnetRoutedBytes = counter(
    "lustre_route_bytes_total", "bytes", help: "Bytes that LNet routed", from: "stats")
  package static let lnetDroppedBytes = counter(
    "lustre_drop_bytes_total", "bytes", help: "Bytes that LNet dropped", from: "stats")
  package static let lnetMemory = gauge(
    "lustre_lnet_mem_used", "bytes", help: "Memory that LNet uses, in bytes", from: "lnet_memused")
  package static let lnetInterfaceUp = gauge(
    "lustre_lnet_interface_up", labels: ["nid"], help: "1 when the interface is up on every CPT",
    from: "nis")
  package static let lnetInterfaceCredits = gauge(
    "lustre_lnet_interface_credits", labels: ["nid"],
    help: "Send credits left, added up over the CPTs; negative when messages queue", from: "nis")
  package static let lnetInterfaceCreditsMinimum = gauge(
    "lustre_lnet_interface_credits_minimum", labels: ["nid"],
    help: "Lowest number of send credits that any CPT ever had", from: "nis")
  package static let lnetPeers = gauge(
    "lustre_lnet_peers", labels: ["state"], help: "Peers by state: up, down, unknown",
    from: "peers")
  package static let lnetPeersQueued = gauge(
    "lustre_lnet_peers_queued_bytes", "bytes", help: "Bytes that wait to be sent to any peer",
    from: "peers")

  package static let healthy = gauge(
    "lustre_health_healthy", help: "1 when health_check says healthy, else 0",
    from: "health_check")
  package static let memory = gauge(
    "lustre_mem_used", "bytes", help: "Memory that Lustre uses, in bytes", from: "memused")
  package static let memoryMaximum = gauge(
    "lustre_mem_used_max", "bytes", help: "Most memory that Lustre used, in bytes",
    from: "memused_max")

  package static let load1 = gauge(
    "lustre_node_load1", decimals: 2, help: "Load average over 1 minute", from: "/proc/loadavg")
  package static let load5 = gauge(
    "lustre_node_load5", decimals: 2, help: "Load average over 5 minutes", from: "/proc/loadavg")
  package static let load15 = gauge(
    "lustre_node_load15", decimals: 2, help: "Load average over 15 minutes",
    from: "/proc/loadavg")
  package static let nodeMemoryTotal = gauge(
    "lustre_node_memory_total_bytes", "bytes", help: "Memory of the server",
    from: "/proc/meminfo")
  package static let nodeMemoryFree = gauge(
    "lustre_node_memory_free_bytes", "bytes", help: "Memory that is not used at all",
    from: "/proc/meminfo")
  package static let nodeMemoryAvailable = gauge(
    "lustre_node_memory_available_bytes", "bytes",
    help: "Memory that can be had without swapping", from: "/proc/meminfo")
  package static let nodeMemoryBuffers = gauge(
    "lustre_node_memory_buffers_bytes", "bytes", help: "Buffers of block devices",
    from: "/proc/meminfo")
  package static let nodeMemoryCached = gauge(
    "lustre_node_memory_cached_bytes", "bytes", help: "Page cache", from: "/proc/meminfo")
  package static let nodeSwapTotal = gauge(
    "lustre_node_swap_total_bytes", "bytes", help: "Swap space", from: "/proc/meminfo")
  package static let nodeSwapFree = gauge(
    "lustre_node_swap_free_bytes", "bytes", help: "Swap space that is free",
    from: "/proc/meminfo")
  // USER_HZ is 100 on every architecture that Lustre servers run on: a tick is 0.01 s.
  package static let nodeCPU = counter(
    "lustre_node_cpu_seconds_total", "seconds", decimals: 2, labels: ["mode"],
    help: "Processor time by mode, over all processors", from: "/proc/stat")
  package static let nodeContextSwitches = counter(
    "lustre_node_context_switches_total", help: "Context switches", from: "/proc/stat")
  package static let nodeForks = counter(
    "lustre_node_forks_total", help: "Processes and threads started", from: "/proc/stat")
  package static let nodeRunning = gauge(
    "lustre_node_processes_running", help: "Threads that run or could run", from: "/proc/stat")
  package static let nodeBlocked = gauge(
    "lustre_node_processes_blocked", help: "Threads that wait for a device", from: "/proc/stat")
  package static let nodeBootTime = gauge(
    "lustre_node_boot_time_seconds", "seconds", help: "Start of the kernel, since the epoch",
    from: "/proc/stat")

  private static func network(_ name: String, _ unit: String, _ help: String) -> Metric {
    counter(
      "lustre_node_network_\(name)_total", unit, labels: ["device"], help: help,
      from: "/proc/net/dev")
  }
  package static let receivedBytes = network("receive_bytes", "bytes", "Bytes received")
  package static let receivedPackets = network("receive_packets", "1", "Packets received")
  package static let receiveErrors = network("receive_errs", "1", "Packets received with errors")
  package static let receiveDrops = network("receive_drop", "1", "Received packets dropped")
  package static let sentBytes = network("transmit_bytes", "bytes", "Bytes sent")
  package static let sentPackets = network("transmit_packets", "1", "Packets sent")
  package static let sendErrors = network("transmit_errs", "1", "Packets not sent for errors")
  package static let sendDrops = network("transmit_drop", "1", "Packets dropped before sending")
}

extension MetricRegistry {
  static let lnet: [Metric] = [
    .lnetAllocated, .lnetMaximum, .lnetErrors, .lnetSent, .lnetReceived, .lnetRouted,
    .lnetDropped, .lnetSentBytes, .lnetReceivedBytes, .lnetRoutedBytes, .lnetDroppedBytes,
    .lnetMemory, .lnetInterfaceUp, .lnetInterfaceCredits, .lnetInterfaceCreditsMinimum,
    .lnetPeers, .lnetPeersQueued,
  ]
  static let lustre: [Metric] = [.healthy, .memory, .memoryMaximum]
  static let host: [Metric] = [
    .load1, .load5, .load15, .nodeMemoryTotal, .nodeMemoryFree, .nodeMemoryAvailable,
    .nodeMemoryBuffers, .nodeMemoryCached, .nodeSwapTotal, .nodeSwapFree, .nodeCPU,
    .nodeContextSwitches, .nodeForks, .nodeRunning, .nodeBlocked, .nodeBootTime,
  ]
  static let interfaces: [Metric] = [
    .receivedBytes, .receivedPackets, .receiveErrors, .receiveDrops, .sentBytes, .sentPackets,
    .sendErrors, .sendDrops,
  ]
}
