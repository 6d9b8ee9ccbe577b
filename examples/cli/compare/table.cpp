// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <solo/core/error.hpp>

#include "../number_text.hpp"
#include "summary.hpp"

#include <algorithm>

namespace solo::cli {
namespace {

constexpr double kSignificant = 0.05;
constexpr const char* kNone = "–";

/// Text that ends no cell and begins no markup of a Markdown table.
std::string in_markdown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '*' || c == '_' || c == '`' || c == '<' || c == '[') {
      out += '\\';
    }
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string row_of(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += ' ' + cell + " |";
  return line + '\n';
}

/// "lora-r4", or "lora-r4 (2 of 3 runs, 1 diverged)".
std::string name_cell(const CompareMethod& method) {
  const std::size_t done = count_runs(method, RunStatus::done);
  const std::size_t diverged = count_runs(method, RunStatus::diverged);
  if (done == method.runs.size()) return method.name;
  std::string note = concat(done, " of ", method.runs.size(), " runs");
  if (diverged > 0) note += concat(", ", diverged, " diverged");
  return concat(method.name, " (", note, ')');
}

std::string spread_text(const std::optional<Spread>& spread, double factor, int digits) {
  if (!spread) return "n/a";
  std::string text = fixed(factor * spread->mean, digits);
  if (spread->deviation) text += " ± " + fixed(factor * *spread->deviation, digits);
  return text;
}

std::string metric_cell(const CompareMethod& method, std::size_t metric) {
  std::string text =
      spread_text(metric_spread(method, metric), kMetrics[metric].factor, kMetrics[metric].digits);
  if (const auto& against = method.against_reference[metric];
      against && against->p < kSignificant) {
    text += against->difference > 0.0 ? " ▲" : " ▼";
  }
  return text;
}

template <class F>
std::string mean_cell(const CompareMethod& method, F&& value, double factor, int digits) {
  const auto spread = spread_of(method, std::forward<F>(value));
  return spread ? fixed(factor * spread->mean, digits) : kNone;
}

std::optional<double> number(const std::optional<std::uint64_t>& n) {
  return n ? std::optional(static_cast<double>(*n)) : std::nullopt;
}

}  // namespace

std::vector<std::string> table_titles() {
  std::vector<std::string> titles = {"method", "trainable", "% of reference", "validation loss"};
  for (const Metric& metric : kMetrics) titles.emplace_back(metric.title);
  for (const char* const title : {"training s", "examples/s", "peak MB", "saved kB"}) {
    titles.emplace_back(title);
  }
  return titles;
}

std::vector<std::string> table_row(const CompareResults& results, const CompareMethod& method) {
  const auto reference = static_cast<double>(reference_of(results).trainable);
  const auto trainable = static_cast<double>(method.trainable);
  std::vector<std::string> cells = {
      name_cell(method), method.trainable > 0 ? with_commas(method.trainable) : kNone,
      method.trainable > 0 && reference > 0 ? fixed(100.0 * trainable / reference, 1) : kNone,
      spread_text(eval_loss_spread(method), 1.0, 4)};
  for (std::size_t i = 0; i < kMetrics.size(); ++i) cells.push_back(metric_cell(method, i));
  cells.push_back(mean_cell(
      method, [](const CompareRun& run) { return run.train_seconds; }, 1.0, 1));
  cells.push_back(mean_cell(
      method, [](const CompareRun& run) { return run.examples_per_second; }, 1.0, 1));
  cells.push_back(mean_cell(
      method, [](const CompareRun& run) { return number(run.peak_rss_bytes); }, 1e-6, 0));
  cells.push_back(mean_cell(
      method, [](const CompareRun& run) { return number(run.adapter_bytes); }, 1e-3, 0));
  return cells;
}

std::string options_text(const Json& options) {
  std::string text;
  for (const auto& [key, value] : options.items()) {
    text += concat(text.empty() ? "" : ", ", key, ' ',
                   value.is_string() ? value.get<std::string>() : dump_line(value));
  }
  return text.empty() ? "–" : text;
}

std::string choice_text(const CompareResults& results) {
  const auto was_chosen = [](const CompareMethod& method) { return !method.tuning.empty(); };
  if (std::none_of(results.methods.begin(), results.methods.end(), was_chosen)) return {};
  const CompareChoice& choice = results.choice;
  const std::optional<std::size_t> metric = choice.metric();
  std::string text = metric ? concat(kMetrics[*metric].title, " of the texts for ",
                                     with_commas(choice.contexts), " validation contexts")
                            : std::string("validation loss");
  if (!choice.options.empty()) text += concat(" after runs with ", options_text(choice.options));
  return text;
}

std::string table_legend(const CompareResults& results) {
  std::string text = concat(
      "Mean ± sample standard deviation over seeds; BLEU, METEOR and ROUGE-L times 100. ▲ ▼: "
      "better, worse than ",
      results.reference,
      " (paired bootstrap over the test instances, means over seeds, p < 0.05). n/a: not "
      "computed.");
  const std::string choice = choice_text(results);
  const bool as_ever = !results.choice.metric() && results.choice.options.empty();
  if (!as_ever && !choice.empty()) {
    text += concat(" Settings were chosen by the ", choice, '.');
  }
  return text;
}

std::string comparison_table(const CompareResults& results) {
  std::string text = row_of(table_titles()) + "|---|";
  for (std::size_t i = 1; i < table_titles().size(); ++i) text += "---:|";
  text += '\n';
  for (const CompareMethod& method : results.methods) {
    std::vector<std::string> cells = table_row(results, method);
    for (std::string& cell : cells) cell = in_markdown(cell);
    text += row_of(cells);
  }
  return text + '\n' + in_markdown(table_legend(results)) + '\n';
}

}  // namespace solo::cli
