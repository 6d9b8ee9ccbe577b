// SPDX-License-Identifier: MIT
/// @file
/// Running gnuplot.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace solo::cli {

/// What `gnuplot` on the PATH writes to its output for this script; nothing if it is not there or
/// fails.
[[nodiscard]] std::optional<std::string> run_gnuplot(std::string_view script);

/// A string in single quotes, as gnuplot reads it literally.
[[nodiscard]] std::string gnuplot_quoted(std::string_view text);

}  // namespace solo::cli
