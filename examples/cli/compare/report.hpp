// SPDX-License-Identifier: MIT
/// @file
/// The files that `solo compare` leaves: results.json, table.md and report.html.
#pragma once

#include "results.hpp"

#include <filesystem>

namespace solo::cli {

/// Makes the folder where it is missing and replaces its results.json, table.md and report.html,
/// each at once. Throws as CompareResults::validate() does before anything is written, and IoError.
void write_comparison(const std::filesystem::path& folder, const CompareResults& results);
/// Makes table.md and report.html anew from the folder's results.json. Throws as
/// read_compare_results() does, and IoError.
void remake_report(const std::filesystem::path& folder);

}  // namespace solo::cli
