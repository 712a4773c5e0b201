import Glibc

/// Why a path of the host could not be read.
package enum HostError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The call failed with this `errno`.
  case system(path: String, number: Int32)
  /// `..` in the path, or a symbolic link that climbs above the root.
  case outsideRoot(path: String)
  case tooLarge(path: String, limit: Int)
  /// A FIFO, a socket or a device where a file was expected; opening one could block.
  case notAFile(path: String)

  /// Nothing is there: for a parameter that is no failure but an answer.
  package var isAbsence: Bool {
    if case .system(_, let number) = self { number == ENOENT || number == ENOTDIR } else { false }
  }

  package var number: Int32? {
    if case .system(_, let number) = self { number } else { nil }
  }

  package var path: String {
    switch self {
    case .system(let path, _), .outsideRoot(let path), .tooLarge(let path, _), .notAFile(let path):
      path
    }
  }

  /// For example `permission denied (EACCES)`.
  package var reason: String {
    switch self {
    case .system(_, let number): HostError.words(number)
    case .outsideRoot: "the path leads out of the root"
    case .tooLarge(_, let limit): "the file is larger than \(limit) bytes"
    case .notAFile: "not a regular file"
    }
  }

  package var description: String { "\(path): \(reason)" }

  /// Words and name of an `errno`; not `strerror`, whose text follows the locale.
  private static func words(_ number: Int32) -> String {
    switch number {
    case EPERM: "operation not permitted (EPERM)"
    case ENOENT: "no such file or directory (ENOENT)"
    case EIO: "input/output error (EIO)"
    case ENXIO: "no such device or address (ENXIO)"
    case EAGAIN: "resource temporarily unavailable (EAGAIN)"
    case ENOMEM: "out of memory (ENOMEM)"
    case EACCES: "permission denied (EACCES)"
    case EBUSY: "device or resource busy (EBUSY)"
    case ENODEV: "no such device (ENODEV)"
    case ENOTDIR: "not a directory (ENOTDIR)"
    case EISDIR: "is a directory (EISDIR)"
    case EINVAL: "invalid argument (EINVAL)"
    case ENFILE: "too many open files in the system (ENFILE)"
    case EMFILE: "too many open files (EMFILE)"
    case EROFS: "read-only file system (EROFS)"
    case ENAMETOOLONG: "file name too long (ENAMETOOLONG)"
    case ELOOP: "too many symbolic links (ELOOP)"
    case EPROTO: "protocol error (EPROTO)"
    case EOVERFLOW: "value too large (EOVERFLOW)"
    case EOPNOTSUPP: "operation not supported (EOPNOTSUPP)"
    case ENOTCONN: "not connected (ENOTCONN)"
    case ESHUTDOWN: "the other end was shut down (ESHUTDOWN)"
    case ETIMEDOUT: "timed out (ETIMEDOUT)"
    case ESTALE: "stale file handle (ESTALE)"
    default: "error \(number)"
    }
  }
}

extension HostError {
  /// What a parameter of a device that is not connected answers.
  static var noDevice: Int32 { ENODEV }
  /// What some files of `/sys` answer instead of a value, for example the speed of a link that is
  /// down.
  static var invalid: Int32 { EINVAL }
}
