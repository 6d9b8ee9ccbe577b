// SPDX-License-Identifier: MIT
#include "summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace solo::cli {
namespace {

/// Ranks methods: less is better.
double rank_of(const CompareMethod& method) {
  const std::optional<Spread> loss = eval_loss_spread(method);
  return loss ? loss->mean : std::numeric_limits<double>::infinity();
}

void add_means(const std::map<std::int64_t, std::vector<double>>& values,
               std::vector<CurvePoint>& curve) {
  for (const auto& [step, all] : values) curve.push_back({step, spread_of(all)->mean});
}

}  // namespace

std::optional<Spread> spread_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto count = static_cast<double>(values.size());
  Spread spread = {
      .count = values.size(), .mean = 0.0, .deviation = {}, .low = values[0], .high = values[0]};
  for (const double x : values) {
    spread.mean += x / count;
    spread.low = std::min(spread.low, x);
    spread.high = std::max(spread.high, x);
  }
  if (values.size() < 2) return spread;
  double squares = 0.0;
  for (const double x : values) squares += (x - spread.mean) * (x - spread.mean);
  spread.deviation = std::sqrt(squares / (count - 1.0));
  return spread;
}

std::optional<Spread> spread_of(
    const CompareMethod& method,
    const std::function<std::optional<double>(const CompareRun&)>& value) {
  std::vector<double> values;
  for (const CompareRun& run : method.runs) {
    if (run.status != RunStatus::done) continue;
    if (const std::optional<double> x = value(run)) values.push_back(*x);
  }
  return spread_of(values);
}

std::optional<Spread> metric_spread(const CompareMethod& method, std::size_t metric) {
  return spread_of(method, [metric](const CompareRun& run) { return run.metrics[metric]; });
}

std::optional<Spread> eval_loss_spread(const CompareMethod& method) {
  return spread_of(method, [](const CompareRun& run) { return run.eval_loss; });
}

std::size_t count_runs(const CompareMethod& method, RunStatus status) {
  return static_cast<std::size_t>(
      std::count_if(method.runs.begin(), method.runs.end(),
                    [status](const CompareRun& run) { return run.status == status; }));
}

std::vector<const CompareMethod*> select_methods(const CompareResults& results, std::size_t limit) {
  std::vector<std::pair<double, const CompareMethod*>> ranked;
  for (const CompareMethod& method : results.methods) {
    if (count_runs(method, RunStatus::done) > 0) ranked.emplace_back(rank_of(method), &method);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const CompareMethod*> best_of_kind;
  std::set<std::string_view> kinds;
  for (const auto& [rank, method] : ranked) {
    if (kinds.insert(method->method).second) best_of_kind.push_back(method);
  }
  std::vector<const CompareMethod*> chosen;
  const auto take_if = [&](const auto& wanted) {
    for (const auto& [rank, method] : ranked) {
      const bool taken = std::find(chosen.begin(), chosen.end(), method) != chosen.end();
      if (chosen.size() < limit && !taken && wanted(*method)) chosen.push_back(method);
    }
  };
  take_if([&](const CompareMethod& m) { return m.name == results.reference; });
  take_if([&](const CompareMethod& m) {
    return std::find(best_of_kind.begin(), best_of_kind.end(), &m) != best_of_kind.end();
  });
  take_if([](const CompareMethod&) { return true; });
  return chosen;
}

std::vector<std::string> method_kinds(const CompareResults& results) {
  std::vector<std::string> kinds;
  for (const CompareMethod& method : results.methods) {
    if (std::find(kinds.begin(), kinds.end(), method.method) == kinds.end()) {
      kinds.push_back(method.method);
    }
  }
  return kinds;
}

Band band_of(const std::vector<std::vector<CurvePoint>>& curves) {
  std::map<std::int64_t, std::vector<double>> values;
  std::size_t count = 0;
  for (const std::vector<CurvePoint>& curve : curves) {
    count += curve.empty() ? 0 : 1;
    for (const CurvePoint& point : curve) {
      if (std::isfinite(point.value)) values[point.step].push_back(point.value);
    }
  }
  Band band;
  for (const auto& [step, all] : values) {
    if (all.size() != count) continue;
    const Spread spread = *spread_of(all);
    band.push_back({step, spread.mean, spread.low, spread.high});
  }
  return band;
}

std::vector<CurvePoint> smoothed(const std::vector<CurvePoint>& curve, std::size_t reach) {
  std::vector<CurvePoint> out;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    const std::size_t near = std::min({reach, i, curve.size() - 1 - i});  // the same on both sides
    double sum = 0.0;
    for (std::size_t j = i - near; j <= i + near; ++j) sum += curve[j].value;
    out.push_back({curve[i].step, sum / static_cast<double>(2 * near + 1)});
  }
  return out;
}

std::vector<LinkHistory> link_histories(const CompareMethod& method) {
  using Values = std::map<std::int64_t, std::vector<double>>;  // by step
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<Values, Values>> links;
  for (const CompareRun& run : method.runs) {
    if (run.status != RunStatus::done) continue;
    for (const LinkSample& sample : run.links) {
      for (const LinkState& link : sample.links) {
        auto& [gate, ratio] = links[{link.destination, link.source}];
        if (link.gate) gate[sample.step].push_back(*link.gate);
        if (link.ratio) ratio[sample.step].push_back(*link.ratio);
      }
    }
  }
  std::vector<LinkHistory> histories;
  for (const auto& [ends, values] : links) {
    LinkHistory history = {
        .source = ends.second, .destination = ends.first, .gate = {}, .ratio = {}};
    add_means(values.first, history.gate);
    add_means(values.second, history.ratio);
    histories.push_back(std::move(history));
  }
  return histories;
}

}  // namespace solo::cli
