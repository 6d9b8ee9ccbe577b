// SPDX-License-Identifier: MIT
#include "plots.hpp"

#include <solo/core/error.hpp>

#include "gnuplot.hpp"
#include "label_layout.hpp"
#include "summary.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace solo::cli {
namespace {

constexpr std::size_t kMostCurves = 6;
constexpr std::size_t kMostLinks = 12;
constexpr std::size_t kMostLabels = 8;
constexpr int kWidth = 440;
constexpr int kHeight = 360;

/// Colours that people with colour blindness tell apart (Okabe and Ito), readable on both grounds.
constexpr std::array<const char*, 8> kColours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                 "#E69F00", "#56B4E9", "#8A6D3B", "#7A7A7A"};

std::string colour(std::size_t i) {
  return gnuplot_quoted(kColours[i % kColours.size()]);
}

std::string number(double x) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.10g", x);
  return text.data();
}

/// "$name << EOD", the rows, "EOD".
std::string data_block(const std::string& name, const std::string& rows) {
  return "$" + name + " << EOD\n" + rows + "EOD\n";
}

/// Small, so that its letters can be read where a telephone shows it as wide as the page.
std::string setup() {
  return concat("set terminal svg size ", kWidth, ",", kHeight,
                " dynamic enhanced font 'sans-serif,12' background rgb 'white'\n"
                "set encoding utf8\nset termoption noenhanced\n"
                "set border 3 lc rgb '#777777'\nset tics nomirror out tc rgb '#444444'\nset grid "
                "ytics lc rgb '#999999'\n"
                "set key below left Left reverse samplen 1.5 width 1 height 1 maxcols 3\n");
}

/// The picture without what belongs to a file of its own.
std::optional<std::string> draw(const std::string& script) {
  std::optional<std::string> svg = run_gnuplot(script);
  if (!svg) return {};
  const std::size_t begin = svg->find("<svg");
  if (begin == std::string::npos) return {};
  return svg->substr(begin);
}

void add(std::vector<Plot>& plots, const std::string& script, std::string title,
         std::string caption) {
  if (auto svg = draw(script)) {
    plots.push_back({std::move(*svg), std::move(title), std::move(caption)});
  }
}

using Curve = std::vector<CurvePoint> CompareRun::*;

Band band_of_method(const CompareMethod& method, Curve curve, std::size_t reach) {
  std::vector<std::vector<CurvePoint>> curves;
  for (const CompareRun& run : method.runs) {
    if (run.status == RunStatus::done) curves.push_back(smoothed(run.*curve, reach));
  }
  return band_of(curves);
}

/// One curve and band for each method.
std::string curves_script(const std::vector<const CompareMethod*>& methods, Curve curve,
                          std::size_t reach, const char* what) {
  std::string data;
  std::string bands;
  std::string lines;
  for (std::size_t i = 0; i < methods.size(); ++i) {
    const Band band = band_of_method(*methods[i], curve, reach);
    if (band.empty()) continue;
    std::string rows;
    for (const BandPoint& p : band) {
      rows += concat(p.step, ' ', number(p.mean), ' ', number(p.low), ' ', number(p.high), '\n');
    }
    const std::string name = concat("m", i);
    data += data_block(name, rows);
    bands += concat(bands.empty() ? "plot " : ", ", "$", name,
                    " using 1:3:4 with filledcurves notitle fc rgb ", colour(i),
                    " fs transparent solid 0.18 noborder");
    lines += concat(", $", name, " using 1:2 with lines lw 2 lc rgb ", colour(i), " title ",
                    gnuplot_quoted(methods[i]->name));
  }
  if (bands.empty()) return {};
  return setup() + data +
         concat("set xlabel 'step'\nset ylabel ", gnuplot_quoted(what), '\n', bands, lines, '\n');
}

void add_curves(std::vector<Plot>& plots, const CompareResults& results) {
  std::vector<const CompareMethod*> methods = select_methods(results, results.methods.size());
  std::erase_if(methods, [](const CompareMethod* m) {
    return std::all_of(m->runs.begin(), m->runs.end(),
                       [](const CompareRun& run) { return run.curve.empty(); });
  });
  methods.resize(std::min(methods.size(), kMostCurves));
  const std::string which = concat(
      "The reference, the best of each kind, then the best of the others by validation loss; at "
      "most ",
      kMostCurves, ". Lines are means over seeds, bands go from the lowest to the highest seed.");
  const std::string training = curves_script(methods, &CompareRun::curve, 2, "training loss");
  if (!training.empty()) {
    add(plots, training, "Training loss", which + " Each point is the mean of five log entries.");
  }
  const bool several = std::any_of(methods.begin(), methods.end(), [](const CompareMethod* m) {
    return std::any_of(m->runs.begin(), m->runs.end(),
                       [](const CompareRun& run) { return run.eval_curve.size() > 2; });
  });
  const std::string valid = curves_script(methods, &CompareRun::eval_curve, 0, "validation loss");
  if (several && !valid.empty()) add(plots, valid, "Validation loss", which);
}

/// A method in a picture of one quantity against trainable parameters.
struct QualityPoint {
  const CompareMethod* method;
  double value;
  double deviation;
};

/// What the axes show, so that places in the picture are known; x is a power of 10.
struct QualityAxes {
  double x_min, x_max, y_min, y_max;

  /// In pixels, of an area that leaves room for tics, titles and key.
  static constexpr PicturePoint kArea = {0.85 * kWidth, 0.68 * kHeight};
  [[nodiscard]] PicturePoint place(const QualityPoint& p) const {
    const double x = std::log10(static_cast<double>(p.method->trainable));
    return {kArea.x * (x - x_min) / (x_max - x_min), kArea.y * (p.value - y_min) / (y_max - y_min)};
  }
};

QualityAxes axes_of(const std::vector<QualityPoint>& points) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  QualityAxes axes = {kInfinity, -kInfinity, kInfinity, -kInfinity};
  for (const QualityPoint& p : points) {
    const double x = std::log10(static_cast<double>(p.method->trainable));
    axes.x_min = std::min(axes.x_min, x);
    axes.x_max = std::max(axes.x_max, x);
    axes.y_min = std::min(axes.y_min, p.value - p.deviation);
    axes.y_max = std::max(axes.y_max, p.value + p.deviation);
  }
  const double dx = std::max(0.06 * (axes.x_max - axes.x_min), 0.05);
  const double dy = std::max(0.06 * (axes.y_max - axes.y_min), 1e-6 + 1e-3 * std::abs(axes.y_max));
  return {axes.x_min - dx, axes.x_max + dx, axes.y_min - dy, axes.y_max + dy};
}

/// Names of the methods that matter most, where there is room for them.
std::string quality_labels(const CompareResults& results, const std::vector<QualityPoint>& points,
                           const QualityAxes& axes) {
  std::vector<PointLabel> labels;
  std::vector<PicturePoint> places;
  places.reserve(points.size());
  for (const QualityPoint& p : points) places.push_back(axes.place(p));
  for (const CompareMethod* const method : select_methods(results, kMostLabels)) {
    for (const QualityPoint& p : points) {
      if (p.method == method) labels.push_back({axes.place(p), method->name});
    }
  }
  const std::vector<std::optional<LabelSide>> sides =
      place_labels(labels, places, QualityAxes::kArea);
  constexpr std::array<const char*, 4> kOffsets = {"left offset 0.8,0", "right offset -0.8,0",
                                                   "center offset 0,0.8", "center offset 0,-0.8"};
  std::string script;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!sides[i]) continue;
    script +=
        concat("set label ", gnuplot_quoted(labels[i].text), " at graph ",
               number(labels[i].at.x / QualityAxes::kArea.x), ", graph ",
               number(labels[i].at.y / QualityAxes::kArea.y), ' ',
               kOffsets[static_cast<std::size_t>(*sides[i])], " font ',10' tc rgb '#333333'\n");
  }
  return script;
}

/// Of one quantity: points with error bars, a colour for each kind of method.
std::string quality_script(const CompareResults& results, const char* what, double factor,
                           const std::function<std::optional<Spread>(const CompareMethod&)>& of) {
  std::vector<QualityPoint> points;
  for (const CompareMethod& method : results.methods) {
    const auto spread = of(method);
    if (!spread || method.trainable == 0) continue;
    points.push_back({&method, factor * spread->mean, factor * spread->deviation.value_or(0.0)});
  }
  if (points.empty()) return {};
  const std::vector<std::string> kinds = method_kinds(results);
  std::string data;
  std::string plot;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    std::string rows;
    for (const QualityPoint& p : points) {
      if (p.method->method != kinds[k]) continue;
      rows += concat(p.method->trainable, ' ', number(p.value), ' ', number(p.deviation), '\n');
    }
    if (rows.empty()) continue;
    data += data_block(concat("k", k), rows);
    plot += concat(plot.empty() ? "plot " : ", ", "$k", k,
                   " using 1:2:3 with yerrorbars pt 7 ps 0.6 lw 1.2 lc rgb ", colour(k), " title ",
                   gnuplot_quoted(kinds[k]));
  }
  const QualityAxes axes = axes_of(points);
  return setup() + data + quality_labels(results, points, axes) +
         concat("set logscale x\nset format x '%.0s%c'\nset xrange [",
                number(std::pow(10, axes.x_min)), ':', number(std::pow(10, axes.x_max)),
                "]\nset yrange [", number(axes.y_min), ':', number(axes.y_max),
                "]\nset xlabel 'trainable parameters'\nset ylabel ", gnuplot_quoted(what), '\n',
                plot, '\n');
}

void add_quality(std::vector<Plot>& plots, const CompareResults& results) {
  const std::string caption =
      "Means over seeds with the sample standard deviation; parameters on a logarithmic axis.";
  const std::string loss =
      quality_script(results, "validation loss (less is better)", 1.0, eval_loss_spread);
  if (!loss.empty()) add(plots, loss, "Validation loss against trainable parameters", caption);
  for (std::size_t i = 0; i < kMetrics.size(); ++i) {
    const std::string title(kMetrics[i].title);
    const std::string script =
        quality_script(results, title.c_str(), kMetrics[i].factor,
                       [i](const CompareMethod& m) { return metric_spread(m, i); });
    if (!script.empty()) add(plots, script, title + " against trainable parameters", caption);
  }
}

std::string links_script(const std::vector<LinkHistory>& links,
                         std::vector<CurvePoint> LinkHistory::*values, const char* what) {
  std::string data;
  std::string plot;
  for (std::size_t i = 0; i < links.size(); ++i) {
    std::string rows;
    for (const CurvePoint& p : links[i].*values) {
      rows += concat(p.step, ' ', number(p.value), '\n');
    }
    if (rows.empty()) continue;
    data += data_block(concat("l", i), rows);
    plot += concat(plot.empty() ? "plot " : ", ", "$l", i, " using 1:2 with linespoints pt ",
                   5 + i % 6, " ps 0.5 lw 1.6 lc rgb ", colour(i), " title '", links[i].source,
                   " → ", links[i].destination, '\'');
  }
  if (plot.empty()) return {};
  return setup() + data +
         concat("set xlabel 'step'\nset ylabel ", gnuplot_quoted(what), '\n', plot, '\n');
}

void add_links(std::vector<Plot>& plots, const CompareResults& results) {
  for (const CompareMethod* method : select_methods(results, results.methods.size())) {
    std::vector<LinkHistory> links = link_histories(*method);
    if (links.empty()) continue;
    const bool all = links.size() <= kMostLinks;
    links.resize(std::min(links.size(), kMostLinks));
    const std::string caption = concat("Of the best method that has links, means over seeds",
                                       all ? "." : concat("; the first ", kMostLinks, " links."));
    const std::string gates = links_script(links, &LinkHistory::gate, "gate λ");
    if (!gates.empty()) add(plots, gates, "Gates of " + method->name, caption);
    const std::string ratios = links_script(links, &LinkHistory::ratio, "‖Δ‖ / ‖h‖");
    if (!ratios.empty()) add(plots, ratios, "Size of corrections of " + method->name, caption);
    return;
  }
}

}  // namespace

std::vector<Plot> draw_plots(const CompareResults& results) {
  std::vector<Plot> plots;
  add_curves(plots, results);
  add_quality(plots, results);
  add_links(plots, results);
  return plots;
}

}  // namespace solo::cli
