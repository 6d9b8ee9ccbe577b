// SPDX-License-Identifier: MIT
#include "program.hpp"

#include <solo/io/json_fields.hpp>

#include "config_file.hpp"
#include "help.hpp"
#include "number_option.hpp"

#include <algorithm>
#include <iostream>

namespace solo::cli {
CLI::App& add_subcommand(CLI::App& program, Common& common, const std::string& name,
                         const std::string& description) {
  CLI::App* const app = program.add_subcommand(name, description);
  app->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  app->option_defaults()->group(kCommonGroup);
  app->get_help_ptr()->description("print this help")->group(kCommonGroup);
  add_config_option(*app, common.config);
  app->add_flag("--json", common.json,
                "print the result as JSON on stdout, and nothing else there");
  app->add_flag("--quiet", common.quiet, "no progress on stderr");
  app->add_option("--threads", common.threads, "threads to compute with; 0 takes all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app->option_defaults()->group("Options");
  app->footer(examples_of(name));
  return *app;
}

void finish_options(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_expected_max() == 0) {  // a flag; CLI11 would take the last of several
      option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
  }
  check_values(command);
}

std::function<std::string(const std::string&)> not_empty(const std::string& name) {
  return [name](const std::string& text) {
    return text.empty() ? name + ": the path is empty" : std::string();
  };
}

CLI::Option* add_path(CLI::App& app, const std::string& name, std::filesystem::path& value,
                      const std::string& description) {
  return app
      .add_option_function<std::string>(
          name, [&value](const std::string& text) { value = text; }, description)
      ->type_name("PATH")
      ->check(not_empty(name));
}

CLI::Option* add_seed(CLI::App& app, std::uint64_t& value, const std::string& description) {
  return app.add_option("--seed", value, description)->capture_default_str();
}

CLI::Option* add_paths(CLI::App& app, const std::string& name,
                       std::vector<std::filesystem::path>& values, const std::string& description) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [&values](const std::vector<std::string>& texts) {
            values.assign(texts.begin(), texts.end());
          },
          description)
      ->type_name("PATH")
      ->check(not_empty(name));
}

void require_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_directory(path, ignored)) {
    fail<IoError>("io.directory", display_name(path), ": is not a directory");
  }
}

void require_folder_for(FolderContent content, const std::filesystem::path& output) {
  const bool model = content == FolderContent::model;
  std::error_code ignored;
  if (!std::filesystem::exists(output / (model ? "adapter_config.json" : "config.json"), ignored)) {
    return;
  }
  fail<ConfigError>("model.adapter", "--output ", display_name(output), ": the folder holds ",
                    model ? "an adapter (adapter_config.json)" : "a model (config.json)", "; ",
                    model ? "a model" : "an adapter", " needs a folder of its own");
}

void print(std::string_view text) {
  std::cout << text;
  if (!std::cout) fail<IoError>("io.write", "stdout: cannot write");
}

void print_line(const Json& value) {
  print(dump_line(value) + '\n');
}

void warn(std::string_view text) {
  std::cerr << concat("warning: ", text, '\n');
}

void warn_of(const Tokenizer& tokenizer) {
  for (const std::string& text : tokenizer.warnings()) warn(text);
}

void warn_of(const std::optional<Tokenizer>& tokenizer) {
  if (tokenizer) warn_of(*tokenizer);
}

void warn_of_empty_texts(const std::filesystem::path& file,
                         const std::vector<std::string>& hypotheses) {
  const auto is_empty = [](const std::string& text) { return text.empty(); };
  const auto first = std::find_if(hypotheses.begin(), hypotheses.end(), is_empty);
  if (first == hypotheses.end()) return;
  const auto count = std::count_if(first, hypotheses.end(), is_empty);
  warn(concat(display_name(file), ": ", count, " of ", hypotheses.size(),
              count == 1 ? " texts is empty, number " : " texts are empty, the first number ",
              first - hypotheses.begin() + 1, "; empty texts raise BLEU"));
}

std::string shell_words(const std::vector<std::string>& words) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+@%";
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return text;
}

std::vector<int> read_ids(const std::string& where, const Json& value, Index vocab_size) {
  if (!value.is_array()) {
    fail<FormatError>("json.type", where, ": expected a list of token ids, found ",
                      describe(value));
  }
  std::vector<int> ids;
  for (const Json& item : value) {
    if (!item.is_number_unsigned() ||
        item.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocab_size)) {
      fail<FormatError>("ids.range", where, ": expected token ids of 0 to ", vocab_size - 1,
                        ", found ", describe(item));
    }
    ids.push_back(item.get<int>());
  }
  return ids;
}

bool has_empty_item(std::string_view text) {
  return text.empty() || text.starts_with(',') || text.ends_with(',') ||
         text.find(",,") != std::string_view::npos;
}

std::vector<std::string> split_list(const std::string& option, std::string_view text) {
  if (has_empty_item(text)) {
    throw UsageError(concat(option, ": an empty item in ", quoted(text)));
  }
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    items.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

}  // namespace solo::cli
