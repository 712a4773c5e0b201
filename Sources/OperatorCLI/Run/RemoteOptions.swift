import ArgumentParser
import NIOSSL

/// A manager on another host, over HTTPS.
package struct RemoteOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The manager over HTTPS; else $IML_MANAGER. Its token is in $IML_TOKEN or --token-file.",
      valueName: "host[:port]"))
  package var manager: String?

  @Option(
    help: ArgumentHelp(
      "A file with nothing but a bearer token; see `iml token create`.", valueName: "file"),
    completion: .file())
  package var tokenFile: String?

  @Option(
    help: ArgumentHelp(
      "The manager's CA, its ca.pem; else $IML_CA.", valueName: "file"),
    completion: .file(extensions: ["pem", "crt"]))
  package var ca: String?

  @Option(
    help: ArgumentHelp(
      "Instead of --ca the SHA-256 of the CA's certificate, the last part of each enrolment token;"
        + " else $IML_CA_PIN.", valueName: "hex"))
  package var caPin: String?

  package init() {}

  package mutating func validate() throws {
    if ca != nil, caPin != nil { throw ValidationError("Give --ca or --ca-pin, not both.") }
    if let manager, ManagerAddress(manager) == nil { throw ValidationError(Self.malformed) }
    if let caPin, Self.pin(caPin) == nil { throw ValidationError("--ca-pin has 64 hex digits.") }
  }

  private static let malformed = "--manager takes HOST, HOST:PORT or [IPV6]:PORT."
  /// A token of this manager is below 128 bytes; the API takes none above this.
  private static let tokenBytesMax = 512

  /// Whether the command line itself names a manager elsewhere.
  var isNamed: Bool { manager != nil }

  /// An option that means nothing on a socket.
  var stray: String? {
    if tokenFile != nil { return "--token-file" }
    if ca != nil { return "--ca" }
    return caPin == nil ? nil : "--ca-pin"
  }

  /// The door of `name`; `environment` gives what the options leave open.
  func door(_ name: String, _ environment: [String: String]) throws -> Door {
    guard let address = ManagerAddress(name) else {
      throw Complaint(.usage, subject: name, reason: "no HOST, HOST:PORT or [IPV6]:PORT")
    }
    return .https(
      address, token: try token(address, environment), try trust(address, environment))
  }

  private func token(_ address: ManagerAddress, _ environment: [String: String]) throws -> String {
    var (text, source) = (environment["IML_TOKEN"] ?? "", "$IML_TOKEN")
    if let tokenFile {
      (text, source) = (try RemoteOptions.read(tokenFile, isSecret: true), tokenFile)
    }
    let token = text.split(whereSeparator: \.isWhitespace)
    guard !token.isEmpty else {
      throw Complaint(
        .usage, subject: address.text, reason: "there is no token for it",
        remedy: "Set $IML_TOKEN or give --token-file; `iml token create --role viewer` on the"
          + " manager's host makes one.")
    }
    guard token.count == 1, token[0].utf8.count <= RemoteOptions.tokenBytesMax,
      token[0].utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else {
      throw Complaint(
        .usage, subject: source, reason: "it does not hold one token",
        remedy: "Paste what `iml token create` printed, and nothing else.")
    }
    return String(token[0])
  }

  private func trust(_ address: ManagerAddress, _ environment: [String: String]) throws -> Trust {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    // What is given on the line wins, whichever of the two it is.
    let file = caPin == nil ? ca ?? value("IML_CA") : nil
    if let file {
      let text = try RemoteOptions.read(file, isSecret: false)
      guard let found = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)), !found.isEmpty else {
        throw Complaint(
          .usage, subject: file, reason: "there is no certificate in PEM form in it",
          remedy: "Copy ca.pem from the manager's state directory (/var/lib/iml/ca.pem).")
      }
      return Trust(.authorities(found, file: file))
    }
    guard let text = caPin ?? value("IML_CA_PIN") else {
      throw Complaint(
        .usage, subject: address.text, reason: "nothing tells how to know that it is the manager",
        remedy:
          "Give --ca with a copy of its /var/lib/iml/ca.pem, or --ca-pin with the last part of"
          + " an enrolment token.")
    }
    guard let pin = RemoteOptions.pin(text) else {
      throw Complaint(.usage, subject: "$IML_CA_PIN", reason: "it has not 64 hexadecimal digits")
    }
    return Trust(.pin(pin))
  }

  /// Also with colons and capitals, as `openssl x509 -fingerprint -sha256` prints it.
  static func pin(_ text: String) -> String? {
    let digits = text.lowercased().filter { $0 != ":" }
    let isHexadecimal = digits.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
    }
    return digits.utf8.count == 64 && isHexadecimal ? digits : nil
  }

  private static func read(_ path: String, isSecret: Bool) throws -> String {
    do {
      let content = try BoundedFile(path: path).read()
      if isSecret, content.mode & 0o007 != 0 {
        throw Complaint(
          .refused, subject: path, reason: "everybody on this host may use this token",
          remedy: "Close it with `chmod 600`; if others could read it, revoke the token.")
      }
      return content.text
    } catch let error as BoundedFile.Unreadable {
      throw Complaint(.failed, subject: path, reason: "can not be read: \(error.reason)")
    }
  }
}
