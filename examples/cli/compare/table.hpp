// SPDX-License-Identifier: MIT
/// @file
/// A comparison as a table: a row for each method, means over its seeds.
#pragma once

#include "results.hpp"

#include <string>
#include <vector>

namespace solo::cli {

/// The titles of the columns, the method's name first.
[[nodiscard]] std::vector<std::string> table_titles();
/// The cells of a method, one for each title. Runs that diverged or are missing are named beside
/// the method and are in no mean; ▲ and ▼: better and worse than the reference, p < 0.05.
[[nodiscard]] std::vector<std::string> table_row(const CompareResults& results,
                                                 const CompareMethod& method);
/// Options in one line: "num-beams 10, max-new-tokens 64"; "–" if there are none.
[[nodiscard]] std::string options_text(const Json& options);
/// By what the settings of methods were chosen: "validation loss", or "BLEU of the texts for 10
/// validation contexts after runs with max-steps 500"; empty where nothing was.
[[nodiscard]] std::string choice_text(const CompareResults& results);
/// What the signs in the table mean, and what chose the settings when that was not the loss after
/// whole runs.
[[nodiscard]] std::string table_legend(const CompareResults& results);

/// All of it in Markdown.
[[nodiscard]] std::string comparison_table(const CompareResults& results);

}  // namespace solo::cli
