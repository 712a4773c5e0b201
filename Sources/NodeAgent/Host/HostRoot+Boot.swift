import AgentCore
import Glibc
import Protocol

extension HostRoot {
  /// The kernel's boot id. A tree without one gets `tree:` and a digest of where it lies: stable,
  /// and plainly no boot of any machine.
  package func bootID() -> BootID { bootID(nil) }

  func bootID(_ recorder: ReadRecorder?) -> BootID {
    if let bytes = quietly("/proc/sys/kernel/random/boot_id", recorder),
      let text = ScalarParser.text(bytes.span)
    {
      return BootID(text)
    }
    let digest = String(Section.digest(of: Array(absoluteRoot().utf8)), radix: 16)
    return BootID("tree:" + String(repeating: "0", count: 16 - digest.count) + digest)
  }

  /// The host's name, from the kernel's file, else `/etc/hostname`.
  package func hostname() -> String? { hostname(nil) }

  func hostname(_ recorder: ReadRecorder?) -> String? {
    for path in ["/proc/sys/kernel/hostname", "/etc/hostname"] {
      if let bytes = quietly(path, recorder), let text = ScalarParser.text(bytes.span) {
        return text
      }
    }
    return nil
  }

  /// A small file, whose absence and failure are the same.
  private func quietly(_ path: String, _ recorder: ReadRecorder?) -> [UInt8]? {
    do throws(HostError) {
      var asked = recorder?.contents(of: path)
      if asked == nil { asked = try readAgain(path, limit: 4_096) }
      guard let bytes = asked else { return nil }
      recorder?.note(contents: bytes, of: path, isKept: true)
      return bytes
    } catch {
      if error.isAbsence {
        recorder?.note(.absent([path], looks: ReadTrace.seldom))
      } else {
        recorder?.giveUp()
      }
      return nil
    }
  }

  private func absoluteRoot() -> String {
    guard let resolved = realpath(root, nil) else { return root }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
