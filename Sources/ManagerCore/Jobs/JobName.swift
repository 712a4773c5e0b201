/// A job's name as a key. Users choose names: two that only look alike, such as with an é of one character
/// and of two, are two jobs, so they are told apart by their bytes. A `String` is not.
package struct JobName: Hashable, Comparable, Sendable {
  package let text: String
  package init(_ text: String) { self.text = text }

  package static func == (a: JobName, b: JobName) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

  package static func < (a: JobName, b: JobName) -> Bool {
    a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
