import ArgumentParser

/// `iml completion SHELL`
struct CompletionVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Print a shell's completion script.",
    discussion: """
      bash: iml completion bash > /etc/bash_completion.d/iml
      zsh: iml completion zsh > /usr/local/share/zsh/site-functions/_iml
      fish: iml completion fish > /etc/fish/completions/iml.fish

      Names of servers, targets, file systems and metrics are asked of the manager while you type; \
      without one there are none, and none either that a shell would not take as one plain word. In zsh and \
      fish, put options behind the verb: before it they keep names from being completed.
      """)
  @Argument(help: "The shell.") var shell: Shell

  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish
  }

  mutating func run() throws {
    guard let root = Program.root else {
      throw Complaint(.failed, subject: "completion", reason: "it belongs to no program")
    }
    let kind: CompletionShell =
      switch shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    var text = root.completionScript(for: kind)
    if kind == .bash {
      do throws(BashCompletion.UnknownForm) {
        text = try BashCompletion.script(text, for: root._commandName)
      } catch {
        throw Complaint(
          .failed, subject: "completion",
          reason: "the script for bash is not of a form that is known")
      }
    }
    Console.current.write(text.hasSuffix("\n") ? text : text + "\n")
  }
}
