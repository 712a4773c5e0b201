import Glibc
import Platform
import Testing

@Suite struct FileLockTests {
  private func refusal(_ path: String, _ access: FileLock.Access, flags: Int32 = 0)
    -> FileLock.Refusal?
  {
    do throws(FileLock.Refusal) {
      _ = try FileLock(path, access, flags: flags)
      return nil
    } catch {
      return error
    }
  }

  @Test func aLockIsHeldUntilItIsGoneAndNamesItsHolder() async throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/lock"
    var first: FileLock? = try FileLock(path, .naming)
    for access in [FileLock.Access.naming, .silent] {
      guard case .held(let holder) = refusal(path, access) else {
        Issue.record("it was taken twice")
        return
      }
      #expect(holder == getpid())
    }
    #expect(first != nil)
    first = nil
    #expect(refusal(path, .silent) == nil)
  }

  @Test func aSilentLockWritesNothingAndNeedsNoRightToWrite() async throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/lock"
    let first = try FileLock(path, .silent)
    #expect(FileStatus(path: path)?.size == 0)
    guard case .held(nil) = refusal(path, .naming) else {
      Issue.record("it was taken twice")
      return
    }
    withExtendedLifetime(first) {}
  }

  @Test func whatCanNotBeOpenedSaysWhy() async throws {
    let folder = try TemporaryDirectory()
    guard case .unusable(let error) = refusal(folder.path + "/no/lock", .naming) else {
      Issue.record("a lock without a folder")
      return
    }
    #expect(error.operation == "open" && error.errorNumber == ENOENT)
    symlink(folder.path + "/elsewhere", folder.path + "/lock")
    guard case .unusable(let linked) = refusal(folder.path + "/lock", .naming, flags: O_NOFOLLOW)
    else {
      Issue.record("a link was followed")
      return
    }
    #expect(linked.errorNumber == ELOOP)
  }
}
