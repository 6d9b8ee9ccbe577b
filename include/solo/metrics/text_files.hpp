// SPDX-License-Identifier: MIT
/// @file
/// The files that e2e-metrics' measure_scores.py reads: references and a system's texts.
#pragma once

#include <solo/core/config.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What a system said for a list of instances, and the references of each.
struct EvaluationTexts {
  std::vector<std::vector<std::string>> references;
  std::vector<std::string> hypotheses;
};

/// Reads both files as measure_scores.py does. Plain text: a line each, without white space at its
/// ends; a blank line ends a group of references, and a file of one single group has one reference
/// for each instance. Lines end where Python's do (LF, CR, VT, FF, FS, GS, RS, NEL, LS, PS). Files
/// named .csv or .tsv: columns of sources and texts, or of texts alone, under a header or not;
/// references of equal sources make a group (where the hypotheses have no sources only neighbours
/// do), and the hypotheses' sources say which group is theirs.
///
/// Beyond measure_scores.py: a byte order mark is skipped, and JSON is never taken for prose. A
/// file named .jsonl, a line of which is a JSON object that is not empty, or one that is a JSON
/// list as a whole, holds an object for each text: {"text"} for hypotheses, as `solo generate`
/// prints them, and {"references": [...]}, {"reference"} or {"text"} for references; other keys are
/// ignored, and a line break within a text is a space.
///
/// Throws IoError; FormatError "metrics.text" naming file and line: an empty file, a group of
/// references without any, NUL, invalid UTF-8, more than two columns, a source without references;
/// "metrics.json" for JSON without these keys; "metrics.count", naming both files, when there are
/// more or fewer hypotheses than groups of references; "text.utf16"; "data.csv".
[[nodiscard]] EvaluationTexts read_evaluation_texts(const std::filesystem::path& references,
                                                    const std::filesystem::path& hypotheses);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/text_files.ipp>  // IWYU pragma: keep
#endif
