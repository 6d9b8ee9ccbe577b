// SPDX-License-Identifier: MIT
/// @file
/// Markdown pages as their tests see them: lines, fences, tables, links and headings.
#pragma once

#include "support/shared.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

using Lines = std::vector<std::string>;

/// The lines of a text file.
inline Lines read_lines(const std::filesystem::path& path) {
  Lines lines;
  std::ifstream in(path, std::ios::binary);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin));
}

/// The lines with the indentation that all of them share taken away.
inline Lines dedented(Lines lines) {
  std::size_t indent = std::string::npos;
  for (const std::string& line : lines) indent = std::min(indent, line.find_first_not_of(' '));
  for (std::string& line : lines) line = line.size() < indent ? "" : line.substr(indent);
  return lines;
}

/// A block between ``` lines.
struct Fence {
  std::string language;
  std::size_t line = 0;  // of its first line, from 1
  Lines lines;
};

/// A page of the documentation.
struct Page {
  std::string name;  // "docs/adapters.md"
  Lines lines;
  std::vector<Fence> fences;
  Lines prose;  // the lines, those of fences left empty

  [[nodiscard]] std::filesystem::path path() const { return source_dir() / name; }
};

inline Page read_page(const std::string& name) {
  Page page{name, read_lines(source_dir() / name), {}, {}};
  bool inside = false;
  for (std::size_t i = 0; i < page.lines.size(); ++i) {
    const std::string line = trimmed(page.lines[i]);
    const bool mark = line.rfind("```", 0) == 0;
    if (mark && !inside) page.fences.push_back({line.substr(3), i + 2, {}});
    if (!mark && inside) page.fences.back().lines.push_back(page.lines[i]);
    page.prose.push_back(mark || inside ? "" : page.lines[i]);
    if (mark) inside = !inside;
  }
  return page;
}

/// README.md and the pages of docs/ and its folders.
inline std::vector<Page> documentation() {
  std::vector<std::string> names = {"README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() / "docs")) {
    if (entry.path().extension() == ".md")
      names.push_back(entry.path().lexically_relative(source_dir()).generic_string());
  }
  std::sort(names.begin(), names.end());
  std::vector<Page> pages;
  pages.reserve(names.size());
  for (const std::string& name : names) pages.push_back(read_page(name));
  return pages;
}

/// The heading's text if the line is one.
inline std::string heading(const std::string& line) {
  const std::size_t level = line.find_first_not_of('#');
  const bool is_heading =
      level != 0 && level != std::string::npos && level <= 6 && line[level] == ' ';
  return is_heading ? trimmed(line.substr(level)) : "";
}

/// The prose between the heading with this text and the next of its level or above.
inline Lines section(const Page& page, const std::string& title) {
  Lines lines;
  std::size_t level = 0;
  for (const std::string& line : page.prose) {
    const std::string text = heading(line);
    const std::size_t depth = line.find_first_not_of('#');
    if (level != 0 && !text.empty() && depth <= level) break;
    if (level != 0) lines.push_back(line);
    if (level == 0 && text == title) level = depth;
  }
  return lines;
}

/// The cells of the rows of all tables, without headings and rules.
inline std::vector<Lines> table_rows(const Lines& lines) {
  std::vector<Lines> rows;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool rule = lines[i].find_first_not_of("|-: ") == std::string::npos;
    const bool header = i + 1 < lines.size() && lines[i + 1].rfind("|--", 0) == 0;
    if (lines[i].empty() || lines[i][0] != '|' || rule || header) continue;
    Lines cells = {""};
    for (std::size_t k = 1; k < lines[i].size(); ++k) {
      const bool escaped = lines[i][k] == '\\' && k + 1 < lines[i].size() && lines[i][k + 1] == '|';
      if (escaped) {
        cells.back() += lines[i][++k];
      } else if (lines[i][k] == '|') {
        cells.emplace_back();
      } else {
        cells.back() += lines[i][k];
      }
    }
    cells.pop_back();  // after the last bar
    std::transform(cells.begin(), cells.end(), cells.begin(), trimmed);
    rows.push_back(cells);
  }
  return rows;
}

/// Whether a table has a column with this heading.
inline bool has_column(const Lines& lines, const std::string& title) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.rfind('|', 0) == 0 && line.find("| " + title + " |") != std::string::npos;
  });
}

/// What stands between backquotes, in order.
inline Lines code_spans(const std::string& text) {
  Lines spans;
  for (std::size_t open = text.find('`'); open != std::string::npos;) {
    const std::size_t close = text.find('`', open + 1);
    if (close == std::string::npos) break;
    spans.push_back(text.substr(open + 1, close - open - 1));
    open = text.find('`', close + 1);
  }
  return spans;
}

/// The words that begin with "--", up to what ends an option's name.
inline std::set<std::string> options_in(const std::string& text) {
  std::set<std::string> options;
  for (std::size_t at = text.find("--"); at != std::string::npos;) {
    std::size_t end = at + 2;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                 text[end] == '-' || text[end] == '_')) {
      ++end;
    }
    const bool begins = at == 0 || (std::isalnum(static_cast<unsigned char>(text[at - 1])) == 0 &&
                                    text[at - 1] != '-');
    if (begins && end > at + 2) options.insert(text.substr(at, end - at));
    at = text.find("--", end);
  }
  return options;
}

}  // namespace solo::test
