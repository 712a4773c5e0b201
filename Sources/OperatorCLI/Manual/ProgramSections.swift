/// What holds for every verb, told once, on the program's own page.
enum ProgramSections {
  static var text: String { lists + output + exitStatus + environment + files + examples }

  private static let lists =
    Roff.section("LISTS OF NAMES")
    + Roff.text(
      """
      Where a verb takes the name of a server, target or file system it takes a list of them.

      Brackets hold numbers and ranges, zeros in front are kept: `oss[01-16,20].site`. A range may \
      have a step: `n[0-10/2]`. Several brackets give all combinations: `r[1-2]n[1-4]`. Commas join, \
      an exclamation mark takes away, from left to right: `oss[1-9]!oss5,mds1`. `-x` takes away from \
      all that was named. `@group` stands for the group's list in the groups file. A list holds at \
      most 65,536 names, and a name that nothing has is an error.

      A shell has its own use for brackets and exclamation marks: put lists in single quotes.

      One plain name gives one document; a list gives a list, also when it holds one name.
      """)

  private static let output =
    Roff.section("OUTPUT")
    + Roff.item(Roff.bold("table"), "For a person; numbers are rounded and carry their units.")
    + Roff.item(Roff.bold("json"), "All that the manager's API gives, as one document on one line.")
    + Roff.item(Roff.bold("ndjson"), "The items of a list, one document a line.")
    + Roff.item(Roff.bold("yaml"), "The document of json.")
    + Roff.item(
      Roff.bold("csv"),
      "RFC 4180 with a header. Names are those of json with the unit in them, numbers are in full,"
        + " lists of names are joined with blanks, lists of objects are left out.")
    + ".PP\n"
    + Roff.text(
      "With json, ndjson and yaml an error is one line of JSON on standard error: code, severity,"
        + " subject, reason, remedy, exitCode.")

  private static var exitStatus: String {
    Roff.section("EXIT STATUS")
      + Outcome.allCases.map { Roff.item(Roff.bold(String($0.rawValue)), $0.meaning) }.joined()
  }

  private static let environment =
    Roff.section("ENVIRONMENT")
    + [
      ("IML_SOCKET", "The manager's socket."),
      ("IML_STATE_DIR", "The manager's state directory, with its socket."),
      ("IML_MANAGER", "The manager over HTTPS, before both of these."),
      ("IML_TOKEN", "The bearer token for it."),
      ("IML_CA", "The file of its CA."),
      ("IML_CA_PIN", "The SHA-256 of its CA's certificate."),
      ("NO_COLOR", "When set and not empty, nothing is painted."),
    ].map { Roff.item(Roff.bold($0), $1) }.joined()

  private static let files =
    Roff.section("FILES")
    + Roff.item(Roff.italic(ConnectionOptions.defaultSocket), "The manager's socket.")
    + Roff.item(
      Roff.italic(GroupsFile.defaultPath),
      "Groups of names, one a line: `oss: oss[01-16]`. A file `groups` in a state directory that was"
        + " named is read instead.")

  private static let examples =
    Roff.section("EXAMPLES")
    + [
      ("iml status --watch", "How the site is, again and again."),
      ("iml server list 'oss[01-16]' -o csv", "Servers for a spreadsheet."),
      ("iml target list --server '@rack7' -o ndjson", "Targets for a script, one a line."),
      (
        "IML_TOKEN=... iml --manager mgr.site --ca ca.pem status",
        "The same from another host."
      ),
    ].map { Roff.item(Roff.bold($0), $1) }.joined()
}
