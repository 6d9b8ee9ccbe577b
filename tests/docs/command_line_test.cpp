// SPDX-License-Identifier: MIT
/// @file
/// docs/command-line.md and the program's --help name the same commands and options, and shell
/// snippets use options that exist.
#include "cli/program.hpp"
#include "docs/markdown.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>
#include <map>

using solo::test::Lines;
using solo::test::Page;

namespace {

const char* const kPage = "docs/command-line.md";

Lines help(const std::vector<std::string>& arguments) {
  const solo::test::TempDir temp;
  const solo::test::Outcome o = solo::test::solo_program(temp, arguments);
  INFO(o.err);
  REQUIRE(o.status == 0);
  Lines lines;
  std::istringstream in(o.out);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Lines words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

/// Whether the line of a help text begins an entry: two spaces and its name.
bool is_entry(const std::string& line) {
  return line.rfind("  ", 0) == 0 && line.size() > 2 && line[2] != ' ';
}

/// The names under "Commands:".
std::set<std::string> commands() {
  std::set<std::string> names;
  bool below = false;
  for (const std::string& line : help({"--help"})) {
    if (line.empty()) below = false;
    if (below && is_entry(line)) names.insert(words(line).front());
    if (line == "Commands:" || line == "Subcommands:") below = true;
  }
  return names;
}

/// The default that an option's help shows, "=8" behind the type or "[default: 8]", or "".
std::string shown_default(const std::string& text) {
  const std::string mark = "[default: ";
  const std::size_t at = text.find(mark);
  if (at != std::string::npos) {
    return text.substr(at + mark.size(), text.find(']', at) - at - mark.size());
  }
  for (const std::string& word : words(text)) {
    if (word[0] == '-') continue;
    const std::size_t equals = word.rfind('=');
    return equals == std::string::npos ? "" : word.substr(equals + 1);
  }
  return "";
}

/// The options of a command with their defaults.
std::map<std::string, std::string> options_of(const std::string& command) {
  std::map<std::string, std::string> options;
  std::string entry;
  const auto add = [&] {
    for (const std::string& name : words(entry)) {
      if (name[0] != '-') break;
      for (const std::string& option : solo::test::options_in(name)) {
        options[option] = shown_default(entry);
      }
    }
    entry.clear();
  };
  for (const std::string& line : help({command, "--help"})) {
    if (line.empty() || is_entry(line)) add();
    if (is_entry(line) ? line[2] == '-' : !entry.empty()) entry += line + ' ';
  }
  add();
  options.erase("--help");
  return options;
}

/// The lines of a section of the page and of the sections of the page that it links to.
std::vector<Lines> sections_for(const Page& page, const std::string& title) {
  std::vector<Lines> sections = {solo::test::section(page, title)};
  for (const std::string& line : page.prose) {
    const std::string other = solo::test::heading(line);
    if (other.empty() || other == title) continue;
    std::string link = "](#";
    for (const char c : other) {
      link += c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const bool linked = std::any_of(
        sections[0].begin(), sections[0].end(),
        [&](const std::string& text) { return text.find(link + ")") != std::string::npos; });
    if (linked) sections.push_back(solo::test::section(page, other));
  }
  return sections;
}

/// The options in the first cells of the tables, and the defaults in the second where that is what
/// they have there.
std::map<std::string, std::string> documented_options(const std::string& command) {
  std::map<std::string, std::string> options;
  for (const Lines& lines : sections_for(solo::test::read_page(kPage), "solo " + command)) {
    const bool has_defaults = solo::test::has_column(lines, "default");
    for (const Lines& row : solo::test::table_rows(lines)) {
      for (const std::string& name : solo::test::options_in(row.at(0))) {
        INFO(command << " " << name);
        CHECK(options.count(name) == 0);
        options[name] = has_defaults ? row.at(1) : "";
      }
    }
  }
  return options;
}

bool same_value(const std::string& a, const std::string& b) {
  char* end = nullptr;
  const double x = std::strtod(a.c_str(), &end);
  if (a.empty() || *end != '\0') return a == b;
  const double y = std::strtod(b.c_str(), &end);
  return !b.empty() && *end == '\0' && x == y;
}

/// The commands of a shell fence, continued lines joined.
Lines shell_lines(const solo::test::Fence& fence) {
  Lines lines;
  bool joined = false;
  for (const std::string& line : fence.lines) {
    std::string text = line.substr(0, line.find(" #"));
    const bool goes_on = !text.empty() && text.back() == '\\';
    if (goes_on) text.pop_back();
    if (joined) {
      lines.back() += ' ' + text;
    } else {
      lines.push_back(text);
    }
    joined = goes_on;
  }
  return lines;
}

}  // namespace

TEST_CASE("command-line.md has a section for each command", "[docs]") {
  SOLO_NEEDS_PROGRAM;
  std::set<std::string> documented;
  for (const std::string& line : solo::test::read_page(kPage).prose) {
    const std::string title = solo::test::heading(line);
    if (title.rfind("solo ", 0) == 0) documented.insert(title.substr(5));
  }
  CHECK(documented == commands());
}

TEST_CASE("command-line.md has every option of every command, and no other", "[docs]") {
  SOLO_NEEDS_PROGRAM;
  for (const std::string& command : commands()) {
    const std::map<std::string, std::string> documented = documented_options(command);
    const std::map<std::string, std::string> real = options_of(command);
    REQUIRE_FALSE(real.empty());
    for (const auto& [name, value] : real) {
      INFO("solo " << command << ' ' << name << ": the program's default is " << value);
      REQUIRE(documented.count(name) == 1);
      if (value.empty() || documented.at(name).empty()) continue;
      CHECK(same_value(value, documented.at(name)));
    }
    for (const auto& [name, value] : documented) {
      INFO("solo " << command << ' ' << name);
      CHECK(real.count(name) == 1);
    }
  }
}

TEST_CASE("shell snippets use commands, options and scripts that exist", "[docs]") {
  SOLO_NEEDS_PROGRAM;
  const std::set<std::string> names = commands();
  std::map<std::string, std::map<std::string, std::string>> known;
  for (const std::string& name : names) known[name] = options_of(name);
  std::vector<Page> pages = solo::test::documentation();
  std::size_t count = 0;
  for (const Page& page : pages) {
    for (const solo::test::Fence& fence : page.fences) {
      if (fence.language != "sh") continue;
      for (const std::string& line : shell_lines(fence)) {
        INFO(page.name << ": line " << fence.line << ": " << line);
        const Lines parts = words(line);
        for (std::size_t i = 0; i < parts.size(); ++i) {
          if (parts[i].rfind("scripts/", 0) == 0) {
            CHECK(std::filesystem::exists(solo::test::source_dir() / parts[i]));
          }
          const bool program = parts[i] == "solo" || parts[i] == "build/release/bin/solo";
          const bool begins = i == 0 || parts[i - 1] == "|";
          if (!program || !begins || i + 1 == parts.size()) continue;
          const std::string& command = parts[i + 1];
          if (command == "--help" || command == "--version" || command == "COMMAND") continue;
          ++count;
          REQUIRE(names.count(command) == 1);
          for (const std::string& option : solo::test::options_in(line)) {
            INFO(option);
            CHECK((option == "--help" || known[command].count(option) == 1));
          }
        }
      }
    }
  }
  CHECK(count >= 5);
}
