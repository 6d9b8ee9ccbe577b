// SPDX-License-Identifier: MIT
/// @file
/// The pictures of a comparison, drawn by gnuplot.
#pragma once

#include "results.hpp"

#include <optional>
#include <string>
#include <vector>

namespace solo::cli {

/// An SVG picture and what it shows.
struct Plot {
  std::string svg;
  std::string title;
  std::string caption;
};

/// Loss curves with bands over seeds, scores against trainable parameters, links over training;
/// empty when there is no gnuplot to run. A picture that would have no points is left out.
[[nodiscard]] std::vector<Plot> draw_plots(const CompareResults& results);

}  // namespace solo::cli
