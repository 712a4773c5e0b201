import Glibc

/// What the demo tells on standard output, line by line.
enum Narrator {
  static func say(_ text: String) {
    print(text)
    fflush(nil)
  }
}
