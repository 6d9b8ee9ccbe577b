// SPDX-License-Identifier: MIT
/// @file
/// Statistics over the seeds of a method, and which methods a picture has room for.
#pragma once

#include "results.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace solo::cli {

/// Several seeds' values of one quantity.
struct Spread {
  std::size_t count = 0;
  double mean = 0.0;
  std::optional<double> deviation;  ///< of the sample, Σ(x − mean)²/(n − 1); none for one value
  double low = 0.0;
  double high = 0.0;
};

/// None without values.
[[nodiscard]] std::optional<Spread> spread_of(const std::vector<double>& values);
/// Over the runs that are done and have a value.
[[nodiscard]] std::optional<Spread> spread_of(
    const CompareMethod& method,
    const std::function<std::optional<double>(const CompareRun&)>& value);
[[nodiscard]] std::optional<Spread> metric_spread(const CompareMethod& method, std::size_t metric);
[[nodiscard]] std::optional<Spread> eval_loss_spread(const CompareMethod& method);

[[nodiscard]] std::size_t count_runs(const CompareMethod& method, RunStatus status);

/// Up to `limit` methods with finished runs: the reference, then the best of each kind, then the
/// best of the rest; by mean validation loss, those without one last.
[[nodiscard]] std::vector<const CompareMethod*> select_methods(const CompareResults& results,
                                                               std::size_t limit);

/// The kinds of all methods in the order they appear, each once.
[[nodiscard]] std::vector<std::string> method_kinds(const CompareResults& results);

/// The seeds' values at one step.
struct BandPoint {
  std::int64_t step = 0;
  double mean = 0.0;
  double low = 0.0;
  double high = 0.0;
};
using Band = std::vector<BandPoint>;

/// Mean, least and largest of several curves at the steps that all of them have, empty curves and
/// values that are not finite left out. Steps of a curve rise.
[[nodiscard]] Band band_of(const std::vector<std::vector<CurvePoint>>& curves);
/// The mean of each value and its `reach` neighbours on either side, fewer near the ends.
[[nodiscard]] std::vector<CurvePoint> smoothed(const std::vector<CurvePoint>& curve,
                                               std::size_t reach);

/// A link over training, averaged over seeds.
struct LinkHistory {
  std::int64_t source = 0;
  std::int64_t destination = 0;
  std::vector<CurvePoint> gate;
  std::vector<CurvePoint> ratio;
};
/// By destination and source, from the runs that are done.
[[nodiscard]] std::vector<LinkHistory> link_histories(const CompareMethod& method);

}  // namespace solo::cli
