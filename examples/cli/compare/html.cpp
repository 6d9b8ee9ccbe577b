// SPDX-License-Identifier: MIT
#include "html.hpp"

#include <solo/core/error.hpp>
#include <solo/text/utf8.hpp>

#include "../number_text.hpp"
#include "plots.hpp"
#include "table.hpp"

#include <algorithm>
#include <array>

namespace solo::cli {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1d2126; --soft: #5c6670; --line: #d9dee3; --ground: #fff;
  --stripe: #f5f7f9; --mark: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a3adb7; --line: #39424b;
  --ground: #14181c; --stripe: #1c2228; --mark: #56b4e9; } }
body { margin: 0 auto; max-width: 1320px; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 2.2rem; font-size: 1.2rem; }
p.note, figcaption, dt, summary { color: var(--soft); font-size: .9rem; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
.wide table { min-width: 100%; }
th, td { padding: .3rem .45rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 600; }
tbody tr:nth-child(even) > * { background: var(--stripe); }
.wide th:first-child { position: sticky; left: 0; background: var(--ground); font-weight: 600; }
tr.reference th { color: var(--mark); }
th small { display: block; font-weight: 400; color: var(--soft); white-space: normal;
  min-width: 11rem; }
.figures { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; padding: .6rem; border: 1px solid var(--line); border-radius: 6px; }
figure svg { width: 100%; height: auto; }
figure svg text { fill: var(--soft); }
figure svg .gridline { stroke: var(--line); }
#gnuplot_canvas > rect { fill: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
.sample { margin: 1rem 0; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 6px; }
.sample h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
.sample ul { margin: .2rem 0 .8rem; padding-left: 1.2rem; }
@media (max-width: 40rem) { body { padding: .8rem; } dl { grid-template-columns: 1fr; }
  dt { margin-top: .4rem; } }
)";

std::string element(std::string_view tag, std::string_view content) {
  const std::string_view name = tag.substr(0, tag.find(' '));
  return concat('<', tag, '>', content, "</", name, ">\n");
}

std::string term(std::string_view name, std::string_view value) {
  return concat("<dt>", html_text(name), "</dt><dd>", html_text(value), "</dd>\n");
}

/// What chose the settings, "–" if there was nothing to choose.
std::string choice_fact(const CompareResults& results) {
  const std::string by = choice_text(results);
  if (by.empty() || !results.choice.metric()) return by.empty() ? "–" : by;
  return concat(by, ", decoded with ", options_text(results.choice.generation));
}

std::string facts(const CompareResults& results) {
  const CompareTask& task = results.task;
  return element(
      "dl",
      concat(term("base model", task.model), term("trained on", task.train),
             term("chosen on", task.valid.empty() ? "–" : task.valid),
             term("settings chosen by", choice_fact(results)),
             term("tested on", concat(task.test, ": ", with_commas(task.instances), " instances, ",
                                      with_commas(task.references), " references")),
             term("decoded with", options_text(task.decoding)),
             term("compared with", results.reference),
             term("machine", concat(results.machine.cpu, ", ", results.machine.threads,
                                    " threads, solo ", results.machine.version))));
}

std::string results_table(const CompareResults& results) {
  std::string head;
  for (const std::string& title : table_titles()) {
    head += element("th scope=\"col\"", html_text(title));
  }
  std::string rows;
  for (const CompareMethod& method : results.methods) {
    const std::vector<std::string> cells = table_row(results, method);
    std::string row = element(
        "th scope=\"row\"", html_text(cells[0]) + element("small", html_text(method.description)));
    for (std::size_t i = 1; i < cells.size(); ++i) row += element("td", html_text(cells[i]));
    rows += element(method.name == results.reference ? "tr class=\"reference\"" : "tr", row);
  }
  return element(R"(div class="wide" tabindex="0" role="region" aria-label="results")",
                 element("table", element("thead", element("tr", head)) + element("tbody", rows))) +
         element("p class=\"note\"", html_text(table_legend(results)));
}

/// The picture, with its title for those who do not see it.
std::string labelled(const Plot& plot) {
  return concat(R"(<svg role="img" aria-label=")", html_text(plot.title), '"',
                std::string_view(plot.svg).substr(4));
}

std::string figures(const CompareResults& results) {
  const std::vector<Plot> plots = draw_plots(results);
  if (plots.empty()) {
    return element(
        "p class=\"note\"",
        "No pictures: they are drawn by gnuplot, which was not found or failed, or there "
        "are no finished runs.");
  }
  std::string all;
  for (const Plot& plot : plots) {
    all += element("figure", concat("<figcaption><strong>", html_text(plot.title), "</strong> ",
                                    html_text(plot.caption), "</figcaption>\n", labelled(plot)));
  }
  return element("div class=\"figures\"", all);
}

/// The settings that were tried for a method: loss, and the metrics that all or some have.
std::string tuning_table(const CompareMethod& method) {
  std::string head =
      element("th scope=\"col\"", "tried") + element("th scope=\"col\"", "validation loss");
  std::array<bool, kMetrics.size()> shown{};
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    shown[i] = std::any_of(method.tuning.begin(), method.tuning.end(),
                           [i](const CompareTuning& tried) { return tried.metrics[i]; });
    if (shown[i]) head += element("th scope=\"col\"", kMetrics[i].title);
  }
  std::string rows;
  for (const CompareTuning& tried : method.tuning) {
    std::string row = element("td", html_text(options_text(tried.options))) +
                      element("td", tried.eval_loss ? fixed(*tried.eval_loss, 4) : "diverged");
    for (std::size_t i = 0; i < kMetrics.size(); ++i) {
      const Metric& metric = kMetrics[i];
      const std::optional<double> value = tried.metrics[i];
      if (shown[i])
        row += element("td", value ? fixed(metric.factor * *value, metric.digits) : "n/a");
    }
    rows += element("tr", row);
  }
  return element("table", element("thead", element("tr", head)) + element("tbody", rows));
}

/// Options of each method, runs that did not end well, and the settings that were tried.
std::string details(const CompareResults& results) {
  std::string all;
  for (const CompareMethod& method : results.methods) {
    std::string inside = element("p class=\"note\"", html_text(options_text(method.options)));
    for (const CompareRun& run : method.runs) {
      if (run.status == RunStatus::done) continue;
      const bool diverged = run.status == RunStatus::diverged;
      inside +=
          element("p", html_text(concat("seed ", run.seed, diverged ? " diverged: " : " is missing",
                                        run.reason)));
    }
    if (!method.tuning.empty()) inside += tuning_table(method);
    all += element("details", element("summary", html_text(method.name)) + inside);
  }
  return all;
}

std::string samples(const CompareResults& results) {
  std::string all;
  for (const CompareSample& sample : results.samples) {
    std::string references;
    for (const std::string& text : sample.references) references += element("li", html_text(text));
    std::string outputs;
    for (const CompareMethod& method : results.methods) {
      const auto found = sample.outputs.find(method.name);
      if (found != sample.outputs.end()) outputs += term(method.name, found->second);
    }
    all += element("div class=\"sample\"", element("h3", html_text(sample.context)) +
                                               element("p class=\"note\"", "references") +
                                               element("ul", references) + element("dl", outputs));
  }
  return all;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : to_utf8_lossy(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) < 0x20U) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

std::string comparison_page(const CompareResults& results) {
  std::string body = element("h1", html_text(results.name)) + facts(results) +
                     element("h2", "Results") + results_table(results) + element("h2", "Pictures") +
                     figures(results);
  if (!results.samples.empty()) body += element("h2", "Texts") + samples(results);
  body += element("h2", "Options") + details(results);
  return concat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
      element("title", html_text(results.name)), element("style", kStyle), "</head>\n",
      element("body", body), "</html>\n");
}

}  // namespace solo::cli
