// SPDX-License-Identifier: MIT
#include "option_info.hpp"

namespace solo::cli {

std::string type_of(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return "FLAG";
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(':'));  // checks add their own text after a colon
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}');
  if (option.get_expected_max() == 0) return {};
  if (open == std::string::npos || close == std::string::npos) {
    return type == "BOOL" ? std::vector<std::string>{"true", "false"} : std::vector<std::string>{};
  }
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

bool takes_several(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<CLI::App*> commands_of(CLI::App& program) {
  return program.get_subcommands([](const CLI::App* app) { return !app->get_name().empty(); });
}

}  // namespace solo::cli
