// SPDX-License-Identifier: MIT
#include "data_options.hpp"

#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>

namespace solo::cli {
namespace {

constexpr const char* kPlain = "plain";
constexpr const char* kAlpaca = "alpaca";

DataColumns parse_columns(const std::string& text) {
  DataColumns columns;
  if (text.empty()) return columns;
  for (const std::string& item : split_list("--columns", text)) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      throw UsageError(concat("--columns: expected prompt=NAME,completion=NAME, found ",
                              quoted(std::string_view(item), 60)));
    }
    const std::string key = item.substr(0, equals);
    if (!columns.try_emplace(key, item.substr(equals + 1)).second) {
      throw UsageError(concat("--columns: ", printable(key, 60), " is named twice"));
    }
  }
  return columns;
}

/// Which file of a tokenizer's folder has a chat template; empty: none.
std::string chat_template_file(const std::filesystem::path& folder) {
  std::string jinja = "chat_template.jinja";
  if (std::filesystem::exists(folder / jinja)) return jinja;
  std::string config = "tokenizer_config.json";
  if (!std::filesystem::exists(folder / config)) return {};
  const Json json = read_json_file(folder / config);
  const bool there =
      json.is_object() && json.contains("chat_template") && !json["chat_template"].is_null();
  return there ? config : std::string();
}

}  // namespace

void DataOptions::add_format(CLI::App& app) {
  app.add_option("--format", format,
                 "of the data files; automatic: by extension; text: plain text in windows")
      ->check(CLI::IsMember({"automatic", "jsonl", "json", "csv", "tsv", "txt", "text"}))
      ->capture_default_str();
}

void DataOptions::add_rows(CLI::App& app) {
  app.add_option("--columns", columns,
                 "columns to read, the others ignored: prompt=NAME,completion=NAME; also text, "
                 "messages, instruction, input, output, input_ids, labels, mr, ref")
      ->check(not_empty("--columns"));
  app.add_option("--chat-template", chat_template,
                 "how messages are written: plain, eos, chatml, or a JSON file of texts by role")
      ->check(not_empty("--chat-template"))
      ->capture_default_str();
  app.add_option("--instruction-template", instruction_template,
                 "prompt of instruction rows: alpaca, or a text with {instruction} and {input}")
      ->capture_default_str();
}

DatasetOptions DataOptions::options() const {
  return {.format = parse_data_format(format),
          .columns = parse_columns(columns),
          .chat_template = ChatTemplate::from_name(chat_template),
          .instruction_template = instruction_template};
}

void DataOptions::describe(Json& extra) const {
  if (format != "automatic") extra["format"] = format;
  if (!columns.empty()) extra["columns"] = columns;
  if (chat_template != kPlain) extra["chat_template"] = chat_template;
  if (instruction_template != kAlpaca) extra["instruction_template"] = instruction_template;
}

void DataOptions::warn_of_chat_template(const std::filesystem::path& folder,
                                        Index conversations) const {
  if (conversations == 0) return;
  const std::string file = chat_template_file(folder);
  if (file.empty()) return;
  warn(concat(display_name(folder / file), ": its chat_template is not read; ", conversations,
              " conversations are written as --chat-template ", printable(chat_template, 60),
              " says"));
}

}  // namespace solo::cli
