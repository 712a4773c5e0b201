import NIOCore
import NIOPosix

/// Threads for what takes long: the usual ones are as many as there are cores, and who has one keeps it
/// until it waits for something. Agents are heard on those.
final class QueryThreads: TaskExecutor {
  static let shared = QueryThreads(count: 2)

  private let loops: MultiThreadedEventLoopGroup

  init(count: Int) { loops = MultiThreadedEventLoopGroup(numberOfThreads: count) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loops.next().execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
