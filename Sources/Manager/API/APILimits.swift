import NIOCore

/// Every limit of the API, with its reason.
package struct APILimits: Sendable {
  /// The largest request is an enrolment: a token and a signing request, about 2 KiB. The rest is
  /// room for proxies and future members.
  package var bodyBytes = 64 << 10
  /// One header line, request target included: a metric query with a dozen matches is below 2 KiB.
  package var headerFieldBytes = 8 << 10
  /// All of them together, with what a proxy adds.
  package var headerListBytes = 32 << 10
  package var headerFields = 100
  /// A decoded name in a path. File system and target names are below 64 bytes; datasets and host
  /// names reach 255.
  package var nameBytes = 512
  /// A bearer token of this manager is below 128 bytes.
  package var bearerBytes = 512
  package var queryItems = 64
  /// Ten years, so that a span in nanoseconds never comes near 64 bits.
  package var querySeconds: Int64 = 315_360_000
  /// Jobs in one answer: more than anybody reads.
  package var jobs: Int64 = 1_000
  /// From connecting to a complete request head, and between requests: a client that trickles its
  /// header or says nothing holds its place no longer. Above a scraper's usual 15 s.
  package var idle = TimeAmount.seconds(30)
  /// From connecting to the end of TLS's handshake, over a bad link.
  package var handshake = TimeAmount.seconds(20)
  /// From the request's head to the last byte of the answer: a body that trickles in, or an answer
  /// that nobody reads, ends here.
  package var request = TimeAmount.seconds(60)
  /// How long a refused body may still flow in, so that the client can read why it was refused.
  package var linger = TimeAmount.seconds(2)
  /// Operators, scrapers and enrolling agents. At about 100 KiB each (TLS and one body) these are
  /// 25 MiB, and they stay well below the usual 1,024 descriptors. More wait in the backlog.
  package var connections = 256
  /// Half of all: connections on which nobody has proven who they are by a request with a valid token.
  /// The oldest gives way to a new one, so that no number of strangers keeps out who speaks; a
  /// handshake and an enrolment take milliseconds.
  package var unproven = 128
  /// Half of those, so that one host costs other hosts nothing.
  package var unprovenPerAddress = 64
  /// Of those that have proven who they are, connections without a request that is worked on, with their
  /// answer or waiting for its reader: the oldest gives way. A pool of a client keeps some; scrapers and
  /// browsers come again.
  package var resting = 96
  /// Requests that are worked on at once; see `RequestGate`.
  package var atOnce = 8
  /// The same for what reads history: as many as there are threads for it (`QueryThreads`). Each may need
  /// some hundred bytes for each of a million series.
  package var longAtOnce = 2
  /// How long a request waits for its turn. Half of `request`, so that there is time for it when it comes.
  package var turn = Duration.seconds(30)
  /// Requests of one caller that are under way, most of them waiting for their turn or for a reader.
  package var perCaller = 64
  /// The same of one process on the Unix socket, where one user runs many.
  package var localPerProcess = 32
  /// Operators' shells on the management host that have a request under way or had one.
  package var localConnections = 64
  /// On the Unix socket, what `resting` is over HTTPS.
  package var localResting = 32
  /// On the Unix socket, connections without a request by somebody who may: the oldest gives way to a
  /// new one, so that programs that connect and say nothing keep no operator waiting.
  package var localUnproven = 64
  /// On the Unix socket, from connecting to a complete request head: `iml` sends it at once.
  package var localGreeting = TimeAmount.seconds(5)
  /// What a client that was limited is told; the limiters' windows are of this order.
  package var retryAfterSeconds = 10
  package init() {}
}
