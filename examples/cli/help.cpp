// SPDX-License-Identifier: MIT
#include "help.hpp"

#include "option_info.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>

namespace solo::cli {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kColumn = 28;  // where descriptions begin

/// A space where no line may break.
constexpr char kFixedSpace = '\x1f';

/// `text` word by word, no line over kWidth; the first line goes on at column `column`, the others
/// begin at `indent`.
std::string wrapped(const std::string& text, std::size_t column, std::size_t indent) {
  std::string out;
  std::istringstream words(text);
  bool first = true;
  for (std::string word; words >> word; first = false) {
    if (!first && column + 1 + word.size() > kWidth) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    column += word.size();
    std::replace(word.begin(), word.end(), kFixedSpace, ' ');
    out += word;
  }
  return out + '\n';
}

/// "  NAME      description", the description on the next line where the name is long.
std::string entry(const std::string& name, const std::string& description) {
  std::string line = "  " + name;
  if (line.size() + 2 > kColumn) {
    line += '\n' + std::string(kColumn, ' ');
  } else {
    line.resize(kColumn, ' ');
  }
  return line + wrapped(description, kColumn, kColumn);
}

std::string sentence(std::string text) {
  if (text.empty()) return text;
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text + '.';
}

std::string shown_type(const CLI::Option& option) {
  const std::string type = type_of(option);
  if (type == "FLAG") return {};
  return (type == "UINT" ? "INT" : type) + (takes_several(option) ? "..." : "");
}

std::string shown_name(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true, false);
  const std::string type = shown_type(option);
  return CLI::detail::join(names_of(option), ", ") + (type.empty() ? "" : " " + type);
}

std::string shown_description(const CLI::Option& option) {
  std::string text = option.get_description();
  if (type_of(option) != "BOOL") {
    const std::string choices = CLI::detail::join(choices_of(option), ", ");
    if (!choices.empty()) text += ": " + choices;
  }
  const std::string standard = option.get_default_str();
  if (!standard.empty() && standard != "\"\"" && !takes_several(option)) {
    std::string fixed = "[default: " + standard + "]";
    std::replace(fixed.begin(), fixed.end(), ' ', kFixedSpace);
    text += ' ' + fixed;
  }
  return text;
}

std::string section(const std::string& title, const std::vector<const CLI::Option*>& options) {
  if (options.empty()) return {};
  std::string out = '\n' + title + ":\n";
  for (const CLI::Option* option : options) {
    out += entry(shown_name(*option), shown_description(*option));
  }
  return out;
}

/// All groups, the common one last.
std::vector<std::string> ordered_groups(const CLI::App& app) {
  std::vector<std::string> groups = app.get_groups();
  std::stable_partition(groups.begin(), groups.end(),
                        [](const std::string& group) { return group != kCommonGroup; });
  return groups;
}

std::string usage(const CLI::App& app, const std::string& name) {
  std::string line = "Usage: " + name;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_required()) line += ' ' + shown_name(*option);
  }
  if (!app.get_subcommands({}).empty()) line += " COMMAND";
  return wrapped(line + " [OPTION...]", 0, 7 + 5);
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode /*mode*/) const {
  std::string out = usage(*app, name) + '\n' + wrapped(sentence(app->get_description()), 0, 0);
  const std::vector<const CLI::App*> commands = app->get_subcommands({});
  if (!commands.empty()) out += "\nCommands:\n";
  for (const CLI::App* command : commands) {
    out += entry(command->get_name(), command->get_description());
  }
  out += section("Required", app->get_options([](const CLI::Option* option) {
    return option->get_required() && !option->get_group().empty();
  }));
  for (const std::string& group : ordered_groups(*app)) {
    if (group.empty()) continue;
    out += section(group, app->get_options([&group](const CLI::Option* option) {
      return option->get_group() == group && !option->get_required();
    }));
  }
  const std::string examples = app->get_footer();
  if (!examples.empty()) out += "\nExamples:\n" + examples;
  return out;
}

std::string examples_of(const std::string& command) {
  static const std::map<std::string, std::string> examples = {
      {"", "  solo train --help\n  solo params --size gpt2 --method lora\n"},
      {"train",
       "  solo train --model gpt2 --method lora --rank 4 --train train.jsonl \\\n"
       "      --valid valid.jsonl --output out\n"
       "  solo train --model gpt2 --method solo --config solo.json --output out\n"},
      {"pretrain",
       "  solo pretrain --config-from gpt2/config.json --tokenizer bpe \\\n"
       "      --train text.txt --output model\n"},
      {"generate",
       "  solo generate --model gpt2 --adapter out --prompt 'name : Blue Spice'\n"
       "  solo generate --model gpt2 --input prompts.jsonl > texts.jsonl\n"},
      {"score", "  solo score --model gpt2 --adapter out --input sequences.jsonl --json\n"},
      {"tokenize",
       "  echo '\"Hello, world\"' | solo tokenize --tokenizer gpt2\n"
       "  echo '[15496, 11, 995]' | solo tokenize --tokenizer gpt2 --decode\n"},
      {"tokenizer-train",
       "  solo tokenizer-train --input a.txt b.jsonl --vocab-size 8192 --output bpe\n"},
      {"evaluate", "  solo evaluate --references refs.txt --hypotheses texts.txt --json\n"},
      {"compare",
       "  solo compare --plan plan.json --output comparison\n"
       "  solo compare --recipe lora-e2e --model gpt2-medium --train train.txt \\\n"
       "      --valid valid.txt --test test.txt --output comparison\n"},
      {"merge", "  solo merge --model gpt2 --adapter out --output merged\n"},
      {"params",
       "  solo params --size gpt2 --method solo --rank 64\n"
       "  solo params --model gpt2 --method lora --target-modules c_attn,c_proj\n"},
      {"inspect", "  solo inspect out/adapter_model.safetensors\n"},
      {"doctor", "  solo doctor --json\n"},
      {"completion",
       "  source <(solo completion bash)\n"
       "  solo completion zsh > ~/.zfunc/_solo\n"
       "  solo completion fish > ~/.config/fish/completions/solo.fish\n"},
  };
  const auto found = examples.find(command);
  return found == examples.end() ? std::string() : found->second;
}

}  // namespace solo::cli
