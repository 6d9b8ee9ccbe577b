// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/csv.hpp>
#include <solo/io/file.hpp>
#include <solo/metrics/json_texts.hpp>
#include <solo/metrics/text_files.hpp>
#include <solo/text/encodings.hpp>
#include <solo/text/lower_case.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Texts, and what each was said for; sources are empty where the file has none.
struct TextRows {
  std::vector<std::string> sources;
  std::vector<std::string> texts;
};

/// The contents of a file of texts, without its byte order mark.
[[nodiscard]] SOLO_INLINE std::string evaluation_text(const std::filesystem::path& path) {
  std::string text = read_text_file(path);
  refuse_utf16(text, display_name(path));
  if (text.starts_with(kUtf8Mark)) text.erase(0, kUtf8Mark.size());
  return text;
}

/// Python's text.splitlines(), each line stripped.
[[nodiscard]] SOLO_INLINE std::vector<std::string> stripped_lines(
    std::string_view text, const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  const auto end_line = [&](std::size_t end, std::size_t next) {
    lines.emplace_back(strip_white_space(text.substr(begin, end - begin)));
    begin = next;
  };
  for (std::size_t pos = 0; pos < text.size();) {
    const CodePoint c = code_point_at(text, pos);
    if (!c.valid() || c.value == 0) {
      fail<FormatError>("metrics.text", display_name(path), ": line ", lines.size() + 1,
                        c.valid() ? ": expected text, found NUL" : ": expected valid UTF-8");
    }
    std::size_t next = pos + c.length;
    if (is_python_line_end(c.value)) {
      if (c.value == U'\r' && next < text.size() && text[next] == '\n') ++next;
      end_line(pos, next);
    }
    pos = next;
  }
  if (begin < text.size()) end_line(text.size(), text.size());
  if (lines.empty()) fail<FormatError>("metrics.text", display_name(path), ": the file is empty");
  return lines;
}

[[nodiscard]] SOLO_INLINE std::vector<std::vector<std::string>> reference_groups(
    const std::filesystem::path& path) {
  const std::string text = evaluation_text(path);
  if (auto groups = json_references(text, path)) return *std::move(groups);
  std::vector<std::vector<std::string>> groups(1);
  const std::vector<std::string> lines = stripped_lines(text, path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].empty()) {
      groups.back().push_back(lines[i]);
      continue;
    }
    if (groups.back().empty()) {
      fail<FormatError>("metrics.text", display_name(path), ": line ", i + 1,
                        ": expected a reference, found a blank line");
    }
    if (i + 1 < lines.size()) groups.emplace_back();
  }
  if (groups.size() > 1) return groups;
  std::vector<std::vector<std::string>> one_each;
  for (std::string& line : groups[0]) one_each.push_back({std::move(line)});
  return one_each;
}

[[nodiscard]] SOLO_INLINE std::vector<std::string> hypothesis_lines(
    const std::filesystem::path& path) {
  const std::string text = evaluation_text(path);
  if (auto texts = json_hypotheses(text, path)) return *std::move(texts);
  return stripped_lines(text, path);
}

[[nodiscard]] SOLO_INLINE bool is_table(const std::filesystem::path& path) {
  const std::string extension = lower_case(path.extension().string());
  return extension == ".csv" || extension == ".tsv";
}

/// Whether a table's first row names its columns.
[[nodiscard]] SOLO_INLINE bool is_header(const std::vector<std::string>& row) {
  constexpr std::array<std::string_view, 20> kNames = {"mr",
                                                       "meaning representation",
                                                       "meaning_representation",
                                                       "source",
                                                       "src",
                                                       "input",
                                                       "ref",
                                                       "refs",
                                                       "reference",
                                                       "references",
                                                       "human_ref",
                                                       "target",
                                                       "output",
                                                       "sys",
                                                       "sys_out",
                                                       "system",
                                                       "system output",
                                                       "system_output",
                                                       "txt",
                                                       "text"};
  return std::all_of(row.begin(), row.end(), [&](const std::string& name) {
    return std::find(kNames.begin(), kNames.end(), lower_case(name)) != kNames.end();
  });
}

/// Undoes what E2E's files went through when they were read in the wrong encoding.
[[nodiscard]] SOLO_INLINE std::string repaired(std::string text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRepairs = {
      {{"Ł", "£"}, {"Â£", "£"}, {"Ã©", "é"}, {"ã©", "é"}}};
  for (const auto& [wrong, right] : kRepairs) replace_all(text, wrong, right);
  return text;
}

[[nodiscard]] SOLO_INLINE TextRows read_table(const std::filesystem::path& path) {
  const std::string name = display_name(path);
  const std::string text = read_text_file(path);
  const bool tabs = text.substr(0, text.find('\n')).find('\t') != std::string::npos;
  CsvReader reader(path, tabs ? '\t' : ',');
  TextRows rows;
  std::vector<std::string> row;
  for (bool first = true; reader.next(row); first = false) {
    if (row.size() > 2) {
      fail<FormatError>("metrics.text", reader.where(), ": expected one or two columns, found ",
                        row.size());
    }
    if (first && is_header(row)) continue;
    for (const std::string& field : row) {
      if (!is_utf8(field) || field.find('\0') != std::string::npos) {
        fail<FormatError>("metrics.text", reader.where(), ": expected valid UTF-8 without NUL");
      }
    }
    if (row.size() == 2) rows.sources.push_back(repaired(row[0]));
    rows.texts.emplace_back(strip_white_space(repaired(row.back())));
  }
  if (rows.texts.empty()) fail<FormatError>("metrics.text", name, ": the file has no rows");
  return rows;
}

/// Groups of neighbours with one source.
[[nodiscard]] SOLO_INLINE std::vector<std::vector<std::string>> neighbours(const TextRows& rows) {
  std::vector<std::vector<std::string>> groups;
  for (std::size_t i = 0; i < rows.texts.size(); ++i) {
    if (i == 0 || rows.sources.empty() || rows.sources[i] != rows.sources[i - 1]) {
      groups.emplace_back();
    }
    groups.back().push_back(rows.texts[i]);
  }
  return groups;
}

/// The references of each hypothesis' source.
[[nodiscard]] SOLO_INLINE std::vector<std::vector<std::string>> by_source(
    const TextRows& references, const TextRows& hypotheses, const std::filesystem::path& path) {
  std::unordered_map<std::string_view, std::vector<std::string>> groups;
  for (std::size_t i = 0; i < references.texts.size(); ++i) {
    groups[references.sources[i]].push_back(references.texts[i]);
  }
  std::vector<std::vector<std::string>> ordered;
  for (const std::string& source : hypotheses.sources) {
    const auto found = groups.find(source);
    if (found == groups.end()) {
      fail<FormatError>("metrics.text", display_name(path), ": no references for the source ",
                        quoted(std::string_view(source), 60));
    }
    ordered.push_back(found->second);
  }
  return ordered;
}

/// Both files, their numbers not yet compared.
[[nodiscard]] SOLO_INLINE EvaluationTexts read_both(const std::filesystem::path& references,
                                                    const std::filesystem::path& hypotheses) {
  const TextRows said =
      is_table(hypotheses) ? read_table(hypotheses) : TextRows{{}, hypothesis_lines(hypotheses)};
  if (!is_table(references)) return {reference_groups(references), said.texts};
  const TextRows rows = read_table(references);
  if (said.sources.empty() || rows.sources.empty()) return {neighbours(rows), said.texts};
  return {by_source(rows, said, references), said.texts};
}

}  // namespace detail

SOLO_INLINE EvaluationTexts read_evaluation_texts(const std::filesystem::path& references,
                                                  const std::filesystem::path& hypotheses) {
  EvaluationTexts texts = detail::read_both(references, hypotheses);
  if (texts.hypotheses.size() != texts.references.size()) {
    fail<FormatError>("metrics.count", "expected as many texts as groups of references, found ",
                      texts.hypotheses.size(), " in ", display_name(hypotheses), " and ",
                      texts.references.size(), " in ", display_name(references));
  }
  return texts;
}

}  // namespace solo::inline SOLO_ABI
