// SPDX-License-Identifier: MIT
/// @file
/// The library's sources as text, for the tests of the rules they keep.
#pragma once

#include "support/shared.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

/// One file below include/.
struct SourceFile {
  std::string path;      // as it is included: "solo/io/file.hpp"
  std::string folder;    // "io"; empty for solo/solo.hpp
  std::string raw;       // the text
  std::string code;      // the text without comments
  std::string bare;      // without comments and without the insides of literals
  std::ptrdiff_t lines;  // of the text

  [[nodiscard]] bool ends_with(std::string_view end) const {
    return path.size() >= end.size() &&
           path.compare(path.size() - end.size(), end.size(), end) == 0;
  }
  /// A header that users may include: no body (.ipp) and no re-included file (.inl.hpp).
  [[nodiscard]] bool is_header() const { return ends_with(".hpp") && !ends_with(".inl.hpp"); }
};

/// The text of a file.
inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// C++ text without comments, and without the insides of string and character literals if asked.
inline std::string strip(const std::string& text, bool keep_literals) {
  std::string out;
  const auto skip_to = [&](std::size_t from, std::string_view end) {
    const std::size_t found = text.find(end, from);
    return found == std::string::npos ? text.size() : found + end.size();
  };
  std::size_t i = 0;
  while (i < text.size()) {
    const std::string_view rest = std::string_view(text).substr(i);
    const bool in_number = i > 0 && std::isxdigit(static_cast<unsigned char>(text[i - 1])) != 0;
    std::size_t end = i + 1;
    if (rest.substr(0, 2) == "//") {
      end = text.find('\n', i);
      end = end == std::string::npos ? text.size() : end;
      i = end;
      continue;
    }
    if (rest.substr(0, 2) == "/*") {
      i = skip_to(i + 2, "*/");
      continue;
    }
    if (rest.substr(0, 2) == "R\"") {
      const std::size_t open = text.find('(', i);
      end = skip_to(open, ")" + text.substr(i + 2, open - i - 2) + "\"");
    } else if (text[i] == '"' || (text[i] == '\'' && !in_number)) {
      while (end < text.size() && text[end] != text[i]) end += text[end] == '\\' ? 2U : 1U;
      ++end;
    } else {
      out += text[i++];
      continue;
    }
    out += keep_literals ? text.substr(i, end - i) : "\"\"";
    i = end;
  }
  return out;
}

/// Every file below include/solo, sorted by path.
inline const std::vector<SourceFile>& library_sources() {
  static const std::vector<SourceFile> files = [] {
    std::vector<SourceFile> found;
    const std::filesystem::path root = source_dir() / "include";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      SourceFile file;
      file.path = entry.path().lexically_relative(root).generic_string();
      const std::string below = file.path.substr(file.path.find('/') + 1);
      file.folder = below.find('/') == std::string::npos ? "" : below.substr(0, below.find('/'));
      file.raw = read_text(entry.path());
      file.code = strip(file.raw, true);
      file.bare = strip(file.raw, false);
      file.lines = std::count(file.raw.begin(), file.raw.end(), '\n');
      found.push_back(file);
    }
    std::sort(found.begin(), found.end(),
              [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
    return found;
  }();
  return files;
}

/// What the lines `#include <…>` and `#include "…"` of a file name.
inline std::vector<std::string> includes_of(const SourceFile& file) {
  std::vector<std::string> found;
  std::istringstream lines(file.code);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t open = line.find_first_of("<\"");
    if (line.rfind("#include", 0) != 0 || open == std::string::npos) continue;
    found.push_back(line.substr(open + 1, line.find_first_of(">\"", open + 1) - open - 1));
  }
  return found;
}

}  // namespace solo::test
