import Protocol
import SwiftASN1
import X509

/// The names that our certificates carry.
enum CertificateNames {
  static let manager = "urn:iml:manager"
  private static let serverPrefix = "urn:iml:server:"

  static func uri(_ server: ServerID) -> String { serverPrefix + server.text }

  /// The server that the certificate names: exactly one URI, of our form.
  static func server(_ certificate: Certificate) -> ServerID? {
    let found = uris(certificate)
    guard found.count == 1, found[0].hasPrefix(serverPrefix) else { return nil }
    return ServerID(String(found[0].dropFirst(serverPrefix.count)))
  }

  static func uris(_ certificate: Certificate) -> [String] {
    guard let names = try? certificate.extensions.subjectAlternativeNames else { return [] }
    return names.compactMap { name in
      if case .uniformResourceIdentifier(let text) = name { text } else { nil }
    }
  }

  /// Lower-case hexadecimal, as `openssl x509 -serial` prints it but for the case.
  static func serial(_ certificate: Certificate) -> String {
    serial(certificate.serialNumber)
  }

  static func serial(_ number: Certificate.SerialNumber) -> String {
    Hexadecimal.text(number.bytes.drop { $0 == 0 })
  }

  static func allows(_ usage: ExtendedKeyUsage.Usage, _ certificate: Certificate) -> Bool {
    guard let usages = try? certificate.extensions.extendedKeyUsage else { return false }
    return usages.contains(usage)
  }
}

/// Bytes as lower-case hexadecimal.
enum Hexadecimal {
  static func text(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
