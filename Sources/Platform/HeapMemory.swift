import Glibc

/// What this process has asked of the kernel for its heap. glibc keeps what was freed for later, in as
/// many arenas as threads ever ran at once: after a burst, several times what is in use.
package enum HeapMemory {
  /// Before there are threads. Few arenas, and large blocks apart from them, which go back as soon as
  /// they are freed; glibc would raise that bound with the first that is.
  package static func bound() {
    mallopt(arenaMaximum, 2)
    mallopt(mappedThreshold, 128 << 10)
  }

  /// Until the next `giveBack`, what is freed at the end of the heap stays there for what comes next:
  /// an answer takes and frees a dozen MiB, and getting each page anew was a fifth of its time.
  package static func keepForNow() { mallopt(trimThreshold, 32 << 20) }

  /// Hands back the pages that nothing lies in; takes milliseconds for a hundred MiB.
  package static func giveBack() {
    // What glibc begins with.
    mallopt(trimThreshold, 128 << 10)
    malloc_trim(0)
  }

  // malloc.h, which no module of the toolchain has: mallopt(3), malloc_trim(3).
  private static let trimThreshold: Int32 = -1
  private static let arenaMaximum: Int32 = -8
  private static let mappedThreshold: Int32 = -3
}

@_silgen_name("mallopt") @discardableResult
private func mallopt(_ parameter: Int32, _ value: Int32) -> Int32

@_silgen_name("malloc_trim") @discardableResult
private func malloc_trim(_ pad: Int) -> Int32
