// SPDX-License-Identifier: MIT
#include "config_file.hpp"

#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>

#include "option_info.hpp"
#include "program.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace solo::cli {
namespace {

using Options = std::set<const CLI::Option*>;

/// The option with this long name; --config itself and --help are none.
CLI::Option* find_option(CLI::App& app, const std::string& name) {
  for (CLI::Option* option : app.get_options()) {
    if (option == app.get_help_ptr() || option->check_lname("config")) continue;
    if (option->check_lname(name)) return option;
  }
  return nullptr;
}

std::string expected(const std::string& type) {
  if (type == "FLAG" || type == "BOOL") return "true or false";
  if (type == "INT") return "an integer";
  if (type == "UINT") return "a whole number from 0 to 18446744073709551615";
  if (type == "FLOAT") return "a number";
  if (type == "LIST") return "a string or a list";
  return type == "BOOL|TEXT" ? "a string, true or false" : "a string";
}

/// One value as the command line would have it; empty if it is of another type.
std::optional<std::string> text_of(const Json& value, const std::string& type) {
  const bool text = type != "FLAG" && type != "BOOL" && type != "INT" && type != "UINT";
  if (value.is_string() && text && type != "FLOAT") return value.get<std::string>();
  if (value.is_boolean() && (type == "FLAG" || type.starts_with("BOOL"))) return dump_line(value);
  if (value.is_number_integer() && (type == "INT" || type == "LIST")) return dump_line(value);
  if (value.is_number_unsigned() && type == "UINT") return dump_line(value);
  if (value.is_number() && type == "FLOAT") return dump_line(value);
  return std::nullopt;
}

/// The values of a key.
std::vector<std::string> texts_of(const JsonFields& fields, const std::string& key,
                                  const CLI::Option& option) {
  const Json& value = fields.value(key);
  const std::string type = type_of(option);
  const bool several = takes_several(option);
  std::vector<std::string> texts;
  if (!value.is_array() || !(several || type == "LIST")) {
    const auto text = text_of(value, type);
    if (!text) fields.refuse(key, expected(type));
    return {*text};
  }
  for (const Json& item : value) {
    const auto text = text_of(item, type);
    if (!text) fields.refuse(key, concat("a list, each item of it ", expected(type)));
    texts.push_back(*text);
  }
  if (texts.empty()) fields.refuse(key, "one or more values");
  if (several) return texts;
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ",") + text;
  return {joined};
}

bool excluded_by(const CLI::Option& option, const Options& others) {
  const auto& excludes = option.get_excludes();
  return std::any_of(excludes.begin(), excludes.end(),
                     [&](const CLI::Option* other) { return others.count(other) != 0; });
}

void apply_file(CLI::App& app, const std::filesystem::path& path) {
  if (app.get_help_ptr()->count() > 0) return;
  const Json json = read_json_file(path);
  const JsonFields fields(json, display_name(path));
  Options given;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) given.insert(option);
  }
  Options from_file;
  for (const auto& [key, value] : json.items()) {
    CLI::Option* const option = find_option(app, key);
    if (option == nullptr) {
      fail<FormatError>("json.unknown_key", fields.where(key), ": ", app.get_name(),
                        " has no such option");
    }
    const std::vector<std::string> texts = texts_of(fields, key, *option);
    if (!from_file.insert(option).second || excluded_by(*option, from_file)) {
      fail<FormatError>("json.duplicate_key", fields.where(key),
                        ": another key says this already, or excludes it");
    }
    if (given.count(option) != 0 || excluded_by(*option, given)) continue;
    try {
      for (const std::string& text : texts) {
        // A flag's other name may mean false: --no-completion-only.
        const bool flag = type_of(*option) == "FLAG";
        option->add_result(flag ? option->get_flag_value(key, text) : text);
      }
      option->run_callback();
    } catch (const CLI::Error& e) {
      fail<ConfigError>("config.value", fields.where(key), ": ", printable(e.what(), 500));
    }
  }
}

}  // namespace

void add_config_option(CLI::App& app, std::filesystem::path& given) {
  app.add_option_function<std::string>(
         "--config",
         [&app, &given](const std::string& path) {
           given = path;
           apply_file(app, path);
         },
         "JSON object of options by long name; the command line wins")
      ->type_name("PATH")
      ->check(not_empty("--config"));
}

}  // namespace solo::cli
