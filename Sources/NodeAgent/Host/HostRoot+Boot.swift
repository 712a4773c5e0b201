import AgentCore
import Glibc
import Protocol

extension HostRoot {
  /// The kernel's boot id. A tree without one gets `tree:` and a digest of where it lies: stable,
  /// and plainly no boot of any machine.
  package func bootID() -> BootID {
    if let bytes = try? readAgain("/proc/sys/kernel/random/boot_id", limit: 4_096),
      let text = ScalarParser.text(bytes.span)
    {
      return BootID(text)
    }
    let digest = String(Section.digest(of: Array(absoluteRoot().utf8)), radix: 16)
    return BootID("tree:" + String(repeating: "0", count: 16 - digest.count) + digest)
  }

  /// The host's name, from the kernel's file, else `/etc/hostname`.
  package func hostname() -> String? {
    for path in ["/proc/sys/kernel/hostname", "/etc/hostname"] {
      if let bytes = try? readAgain(path, limit: 4_096), let text = ScalarParser.text(bytes.span) {
        return text
      }
    }
    return nil
  }

  private func absoluteRoot() -> String {
    guard let resolved = realpath(root, nil) else { return root }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
