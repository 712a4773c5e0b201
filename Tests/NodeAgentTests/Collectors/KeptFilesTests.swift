import AgentCore
import Glibc
import Testing

@testable import NodeAgent

/// What is kept between cycles must never be older than what the kernel says.
@Suite struct KeptFilesTests {
  @Test func onlyFilesOfTheKernelStayOpen() throws {
    let kept = KeptFiles()
    let path = "/proc/self/stat"
    kept.give(path, try OpenFile(path: path, O_RDONLY), isKnown: false)
    let file = try #require(kept.take(path))
    #expect(kept.take(path) == nil, "whoever has it has it alone")
    kept.give(path, file, isKnown: true)
    #expect(kept.take(path) != nil)

    let tree = try TemporaryTree()
    try tree.write("/value", "1\n")
    let ordinary = "\(tree.path)/value"
    kept.give(ordinary, try OpenFile(path: ordinary, O_RDONLY), isKnown: false)
    #expect(kept.take(ordinary) == nil)
  }

  @Test func aKeptFileIsReadAnewEachTime() throws {
    let host = HostRoot("/")
    let path = "/proc/thread-self/comm"
    var names: [String] = []
    for name in ["first", "second", "third"] {
      let file = try OpenFile(path: path, O_WRONLY)
      #expect(write(file.number, name, name.utf8.count) == name.utf8.count)
      names.append(String(decoding: try host.readAgain(path), as: UTF8.self))
    }
    #expect(names == ["first\n", "second\n", "third\n"])
  }

  /// The file of a process that has ended answers ESRCH, as those of a target that is gone do ENODEV.
  @Test func aKeptFileOfWhatIsGoneIsLookedForAgain() throws {
    let host = HostRoot("/")
    var process = pid_t()
    var words = [strdup("sleep"), strdup("60"), nil]
    defer { for word in words { free(word) } }
    #expect(posix_spawnp(&process, "sleep", nil, nil, &words, nil) == 0)
    let path = "/proc/\(process)/stat"
    #expect(try !host.readAgain(path).isEmpty)
    kill(process, SIGKILL)
    waitpid(process, nil, 0)
    #expect(throws: HostError.system(path: path, number: ENOENT)) { try host.readAgain(path) }
  }

  @Test func aParameterThatIsNeverThereIsLookedForLessOften() {
    let memory = HostMemory()
    let name = HostMemory.Name(parameter: .lnetPeers, values: [])
    var looks: [Int] = []
    for cycle in 0..<64 where memory.look(for: name) != nil {
      looks.append(cycle)
      memory.absent(name)
    }
    #expect(Array(looks.prefix(8)) == Array(0..<8))
    #expect(looks.count >= 8 + 6, "it is looked for all the same")
    #expect(looks.count <= 8 + 8)
    for (earlier, later) in zip(looks.dropFirst(8), looks.dropFirst(9)) {
      #expect(later - earlier == 8)
    }
    // Something went away, so something may have come.
    memory.lookAgain()
    #expect(memory.look(for: name) != nil)
    memory.found(name, at: 1)
    #expect(memory.look(for: name)?.last == 1)
    #expect(memory.look(for: name)?.last == 1)
  }
}
