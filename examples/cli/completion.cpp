// SPDX-License-Identifier: MIT
// solo completion: a shell's completion script, made from the program's own commands and options.
#include "option_info.hpp"
#include "program.hpp"

#include <memory>

namespace solo::cli {
namespace {

/// What a shell needs to know about an option or argument.
struct CompletionEntry {
  std::vector<std::string> names;  // with dashes; empty: a positional argument
  std::string description;
  std::vector<std::string> choices;
  bool flag = false;
  bool path = false;
  bool several = false;
};

std::vector<CompletionEntry> entries_of(const CLI::App& app) {
  std::vector<CompletionEntry> entries;
  for (const CLI::Option* option : app.get_options()) {
    const std::string type = type_of(*option);
    entries.push_back({.names = names_of(*option),
                       .description = option->get_description(),
                       .choices = choices_of(*option),
                       .flag = type == "FLAG",
                       .path = type == "PATH",
                       .several = takes_several(*option)});
  }
  return entries;
}

std::string joined(const std::vector<std::string>& words) {
  return CLI::detail::join(words, " ");
}

std::vector<std::string> command_names(CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands_of(program)) names.push_back(command->get_name());
  return names;
}

/// All options of a command with their dashes.
std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> all;
  for (const CompletionEntry& entry : entries_of(app)) {
    all.insert(all.end(), entry.names.begin(), entry.names.end());
  }
  return all;
}

/// `text` in single quotes; no shell reads anything in it.
std::string shell_quoted(std::string_view text, std::string_view quote = R"('\'')") {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += quote;
    } else {
      out += c;
    }
  }
  return out + '\'';
}

/// The bash pattern of every "command option" that `wanted` picks, or an empty text.
template <class F>
std::string bash_pattern(CLI::App& program, const F& wanted) {
  std::string pattern;
  for (const CLI::App* command : commands_of(program)) {
    for (const CompletionEntry& entry : entries_of(*command)) {
      if (!wanted(entry)) continue;
      for (const std::string& name : entry.names) {
        pattern += concat(pattern.empty() ? "" : "|", '"', command->get_name(), ' ', name, '"');
      }
    }
  }
  return pattern;
}

constexpr std::string_view kBashHead = R"(# bash completion for solo: source <(solo completion bash)
_solo_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}
_solo_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
}
_solo() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
  local last i
  COMPREPLY=()
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = COMP_CWORD - 1; i > 1; i--)); do
    [[ ${COMP_WORDS[i]} == -* ]] && { last=${COMP_WORDS[i]}; break; }
  done
)";

std::string bash_script(CLI::App& program) {
  std::string out(kBashHead);
  out += concat("  if ((COMP_CWORD == 1)); then\n    _solo_words ",
                shell_quoted(joined(command_names(program)) + ' ' + joined(option_names(program))),
                " \"$cur\"\n    return\n  fi\n  case \"$command $prev\" in\n");
  for (const CLI::App* command : commands_of(program)) {
    for (const CompletionEntry& entry : entries_of(*command)) {
      for (const std::string& name : entry.names) {
        if (entry.choices.empty()) continue;
        out += concat("    \"", command->get_name(), ' ', name, "\") _solo_words ",
                      shell_quoted(joined(entry.choices)), " \"$cur\"; return ;;\n");
      }
    }
  }
  const std::string files = bash_pattern(program, [](const auto& e) { return e.path; });
  const std::string others =
      bash_pattern(program, [](const auto& e) { return !e.path && !e.flag && e.choices.empty(); });
  if (!files.empty()) out += "    " + files + ") _solo_files \"$cur\"; return ;;\n";
  if (!others.empty()) out += "    " + others + ") return ;;\n";
  out += "  esac\n";
  const std::string lists =
      bash_pattern(program, [](const auto& e) { return e.path && e.several; });
  if (!lists.empty()) {
    out += concat("  if [[ $cur != -* ]]; then\n    case \"$command $last\" in\n      ", lists,
                  ") _solo_files \"$cur\"; return ;;\n    esac\n  fi\n");
  }
  out += "  case $command in\n";
  for (const CLI::App* command : commands_of(program)) {
    std::string values;
    bool path = false;
    for (const CompletionEntry& entry : entries_of(*command)) {
      if (!entry.names.empty()) continue;
      values += ' ' + joined(entry.choices);
      path = path || entry.path;
    }
    out += concat("    ", command->get_name(), ") ");
    if (path) out += "if [[ $cur != -* ]]; then _solo_files \"$cur\"; return; fi; ";
    out += concat("_solo_words ", shell_quoted(joined(option_names(*command)) + values),
                  " \"$cur\" ;;\n");
  }
  return out + "  esac\n}\ncomplete -F _solo solo\n";
}

/// A description inside the brackets and colons of zsh's _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_value(const CompletionEntry& entry) {
  if (entry.path) return ":path:_files";
  if (!entry.choices.empty()) return concat(":value:(", joined(entry.choices), ")");
  return ":value: ";
}

std::string zsh_script(CLI::App& program) {
  std::string out = "#compdef solo\n_solo() {\n  local -a commands\n  commands=(\n";
  for (const CLI::App* command : commands_of(program)) {
    out += concat("    ",
                  shell_quoted(command->get_name() + ':' + zsh_text(command->get_description())),
                  '\n');
  }
  out += "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n";
  out += "  local command=$words[2]\n  shift words\n  ((CURRENT--))\n  case $command in\n";
  for (const CLI::App* command : commands_of(program)) {
    out += concat("    ", command->get_name(), ")\n      _arguments");
    for (const CompletionEntry& entry : entries_of(*command)) {
      const std::string value = entry.flag ? std::string() : zsh_value(entry);
      const std::string about = '[' + zsh_text(entry.description) + ']';
      if (entry.names.empty()) out += " \\\n        " + shell_quoted('1' + value);
      for (const std::string& name : entry.names) {
        const std::string spec = concat(entry.several ? "*" : "", name, about, value);
        out += " \\\n        " + shell_quoted(spec);
      }
    }
    out += " ;;\n";
  }
  return out +
         "  esac\n}\nif [[ $funcstack[1] == _solo ]]; then _solo \"$@\"; else compdef _solo solo; "
         "fi\n";
}

std::string fish_script(CLI::App& program) {
  const auto quoted_text = [](std::string_view text) { return shell_quoted(text, R"(\')"); };
  std::string out = "# fish completion for solo\ncomplete -c solo -f\n";
  for (const CLI::App* command : commands_of(program)) {
    out += concat("complete -c solo -n __fish_use_subcommand -a ", command->get_name(), " -d ",
                  quoted_text(command->get_description()), '\n');
  }
  for (const CLI::App* command : commands_of(program)) {
    for (const CompletionEntry& entry : entries_of(*command)) {
      std::string line =
          concat("complete -c solo -n '__fish_seen_subcommand_from ", command->get_name(), "'");
      for (const std::string& name : entry.names) {
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (entry.path) line += entry.names.empty() ? " -F" : " -r -F";
      if (!entry.path && !entry.flag) line += entry.names.empty() ? " -f" : " -x";
      if (!entry.choices.empty()) line += " -a " + quoted_text(joined(entry.choices));
      if (!entry.names.empty()) line += " -d " + quoted_text(entry.description);
      out += line + '\n';
    }
  }
  return out;
}

void run_completion(CLI::App& program, const std::string& shell, const Common& common) {
  const std::string script = shell == "bash"  ? bash_script(program)
                             : shell == "zsh" ? zsh_script(program)
                                              : fish_script(program);
  if (common.json) {
    print_line({{"shell", shell}, {"script", script}});
  } else {
    print(script);
  }
}

}  // namespace

Command add_completion(CLI::App& program, Common& common) {
  const auto shell = std::make_shared<std::string>();
  CLI::App& app =
      add_subcommand(program, common, "completion", "prints the completion script of a shell");
  app.add_option("shell", *shell, "which")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return {&app, [shell, &program, &common] { run_completion(program, *shell, common); }};
}

}  // namespace solo::cli
