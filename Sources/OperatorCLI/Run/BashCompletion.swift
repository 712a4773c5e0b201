/// bash's completion script, made of the one that the argument parser writes. In that one live names go
/// through `compgen -W`, which reads each of them as shell text: a name with `$(…)` in it would be run.
/// And it knows neither what bash breaks at (`HOST:PORT`, `--option=value`) nor options before the verb.
enum BashCompletion {
  /// - Parameter command: the name that the script is for.
  /// - Throws: where the generated script is not of the form that is known here; then nothing of it is fit
  ///   to be used.
  static func script(_ generated: String, for command: String) throws(UnknownForm) -> String {
    let function = "_\(command)"
    let before = "__\(command)_add_completions -W \"$(__\(command)_custom_complete "
    let after = " \"${COMP_CWORD}\" \"$(__\(command)_cursor_index_in_current_word)\")\""
    let ending = "complete -o filenames -F \(function) \(command)"
    var lines: [String] = []
    var isComplete = false
    for line in generated.split(separator: "\n", omittingEmptySubsequences: false) {
      if let place = line.firstRange(of: before), line.hasSuffix(after) {
        let indent = line[..<place.lowerBound]
        lines.append(
          "\(indent)__\(command)_add_names \(line[place.upperBound...].dropLast(after.count))")
      } else if line == ending {
        isComplete = true
        lines.append(functions(command, function))
        lines.append("complete -o filenames -F \(function)_as_typed \(command)")
      } else {
        lines.append(String(line))
      }
    }
    // But for the function itself nothing asks for names any more.
    let calls = lines.count { $0.contains("$(__\(command)_custom_complete") }
    guard isComplete, calls == 0 else { throw UnknownForm() }
    return lines.joined(separator: "\n")
  }

  struct UnknownForm: Error {}

  private static func words<Choice: CaseIterable & RawRepresentable>(_ choice: Choice.Type)
    -> String where Choice.RawValue == String
  { choice.allCases.map(\.rawValue).joined(separator: " ") }

  private static func functions(_ command: String, _ function: String) -> String {
    #"""
    # Names come from the manager, which has them from servers: each is text, and nothing reads it as more.
    __NAME_add_names() {
        local name
        while IFS='' read -r name; do
            [[ "${name}" = "${cur}"* ]] && COMPREPLY+=("${name}")
        done < <("${program}" "${@}" "$((${#typed_words[@]} - 1))" "${#cur}" "${typed_words[@]}")
        are_names=true
    }

    # The words of a line without their quotes, as the shell would have them. Fails where the last word has
    # quotes in it: but for one at its begin, what would replace it is not known.
    __NAME_split() {
        local -r line="${1}"
        local word='' quote='' character
        local -i place=0 begin=0 is_word=0 is_quoted=0
        typed_words=()
        while ((place < ${#line})); do
            character="${line:${place}:1}"
            if [[ "${quote}" != \' && "${character}" = \\ ]]; then
                ((place += 1))
                word+="${line:${place}:1}"
                is_word=1 is_quoted=1
            elif [[ -n "${quote}" && "${character}" != "${quote}" ]]; then
                word+="${character}"
            elif [[ "${character}" = [\"\'] ]]; then
                if [[ -n "${quote}" ]]; then
                    quote='' is_quoted=1
                else
                    quote="${character}"
                    ((is_word)) && is_quoted=1
                    is_word=1
                fi
            elif [[ "${character}" = [[:blank:]] ]]; then
                ((is_word)) && typed_words+=("${word}")
                word='' is_word=0 is_quoted=0
            else
                word+="${character}"
                is_word=1
            fi
            ((place += 1))
        done
        typed_words+=("${word}")
        ((!is_quoted))
    }

    # Completes the words as they were typed: bash also breaks them at : and =.
    FUNCTION_as_typed() {
        local -r replaced="${2}"
        local -r line="${COMP_LINE:0:${COMP_POINT}}"
        # An alias, or a path that only the shell understands, is not run as it was typed.
        local program="${1}"
        type -P -- "${program}" >/dev/null || program=NAME
        local IFS=$' \t\n' are_names=false last
        local -a typed_words
        __NAME_split "${line}" || return
        last="${typed_words[${#typed_words[@]} - 1]}"
        if [[ "${last}" = --*=* ]]; then
            typed_words[${#typed_words[@]} - 1]="${last%%=*}"
            typed_words+=("${last#*=}")
            last="${last#*=}"
        fi

        # Options may stand before the verb.
        local -i place=1
        while ((place < ${#typed_words[@]} - 1)); do
            case "${typed_words[${place}]}" in
            OPTIONS) ((place += 2)) ;;
            --*=*) ((place += 1)) ;;
            *) break ;;
            esac
        done
        if ((place >= ${#typed_words[@]})); then
            # The value of such an option.
            case "${typed_words[${#typed_words[@]} - 2]}" in
            -o|--output) COMPREPLY=($(compgen -W 'FORMATS' -- "${last}")) ;;
            --color) COMPREPLY=($(compgen -W 'COLOURS' -- "${last}")) ;;
            --state-dir|--socket|--token-file|--ca)
                while IFS='' read -r last; do COMPREPLY+=("${last}"); done < <(compgen -f -- "${replaced}")
                ;;
            esac
            return
        fi

        local -a COMP_WORDS=("${typed_words[0]}" "${typed_words[@]:${place}}")
        local COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        local COMP_LINE="${COMP_WORDS[*]}"
        local COMP_POINT="${#COMP_LINE}"
        FUNCTION "${1}" "${last}" "${COMP_WORDS[${COMP_CWORD} - 1]}"

        "${are_names}" && compopt +o filenames 2>/dev/null
        # Only what follows the last break is replaced.
        if [[ "${last}" = *"${replaced}" ]]; then
            local kept="${last%"${replaced}"}"
            COMPREPLY=("${COMPREPLY[@]#"${kept}"}")
        fi
    }

    """#
    .replacing("FUNCTION", with: function).replacing("NAME", with: command)
    .replacing("OPTIONS", with: CommandLineWords.optionsWithValue.sorted().joined(separator: "|"))
    .replacing("FORMATS", with: words(OutputFormat.self))
    .replacing("COLOURS", with: words(ColourChoice.self))
  }
}
