// SPDX-License-Identifier: MIT
#include "report.hpp"

#include <solo/io/file.hpp>

#include "html.hpp"
#include "table.hpp"

namespace solo::cli {
namespace {

void write_reports(const std::filesystem::path& folder, const CompareResults& results) {
  write_file_atomically(folder / "table.md", comparison_table(results));
  write_file_atomically(folder / "report.html", comparison_page(results));
}

}  // namespace

void write_comparison(const std::filesystem::path& folder, const CompareResults& results) {
  results.validate(display_name(folder));
  make_directories(folder);
  write_file_atomically(folder / "results.json", dump_line(to_json(results)) + '\n');
  write_reports(folder, results);
}

void remake_report(const std::filesystem::path& folder) {
  write_reports(folder, read_compare_results(folder / "results.json"));
}

}  // namespace solo::cli
