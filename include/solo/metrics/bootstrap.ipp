// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/rng.hpp>
#include <solo/metrics/bootstrap.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace solo::inline SOLO_ABI {
namespace detail {

inline constexpr Index kMaxInstances = Index{1} << 28;
inline constexpr Index kMaxSamples = 1'000'000;

SOLO_INLINE void check_bootstrap(Index instances, const BootstrapOptions& options) {
  if (instances < 1) fail<ConfigError>("metrics.sample", "there are no instances to draw from");
  if (instances > kMaxInstances) {
    fail<ConfigError>("config.range", "instances: expected 1 to ", kMaxInstances, ", found ",
                      instances);
  }
  if (options.samples < 1 || options.samples > kMaxSamples) {
    fail<ConfigError>("config.range", "samples: expected 1 to ", kMaxSamples, ", found ",
                      options.samples);
  }
  if (!(options.level > 0.0 && options.level < 1.0)) {
    fail<ConfigError>("config.range", "level: expected a number between 0 and 1, found ",
                      options.level);
  }
}

inline void check_score(const SampleScore& score) {
  if (!score) fail<ConfigError>("config.value", "the score of a sample is empty");
}

/// Calls use(sample) for each sample: as many instances as there are, drawn with replacement.
template <class Use>
void for_each_sample(Index instances, const BootstrapOptions& options, Use&& use) {
  const Philox random(options.seed);
  const auto size = static_cast<std::uint64_t>(instances);
  std::vector<Index> sample(size);
  for (Index number = 0; number < options.samples; ++number) {
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t place = static_cast<std::uint64_t>(number) * size + i;
      sample[i] = static_cast<Index>(random.below(size, place));
    }
    use(std::span<const Index>(sample));
  }
}

/// 0, 1, …: every instance once.
[[nodiscard]] SOLO_INLINE std::vector<Index> each_once(Index instances) {
  std::vector<Index> all(static_cast<std::size_t>(instances));
  std::iota(all.begin(), all.end(), Index{0});
  return all;
}

[[nodiscard]] SOLO_INLINE std::vector<double> sampled(Index instances, const SampleScore& score,
                                                      const BootstrapOptions& options) {
  std::vector<double> values;
  for_each_sample(instances, options,
                  [&](std::span<const Index> sample) { values.push_back(score(sample)); });
  return values;
}

/// The value that a share of the sorted values lies below, between two of them linearly.
[[nodiscard]] SOLO_INLINE double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

[[nodiscard]] SOLO_INLINE Interval interval_of(std::vector<double>& values, double level) {
  std::sort(values.begin(), values.end());
  return {quantile(values, (1.0 - level) / 2.0), quantile(values, (1.0 + level) / 2.0)};
}

/// The mean over the evaluations; NIST only if all have it.
[[nodiscard]] SOLO_INLINE TextScores mean_scores(std::span<const TextEvaluation> evaluations,
                                                 std::span<const Index> sample) {
  TextScores mean{.nist = 0.0};
  const auto n = static_cast<double>(evaluations.size());
  for (const TextEvaluation& evaluation : evaluations) {
    const TextScores s = evaluation.scores(sample);
    mean.bleu += s.bleu / n;
    mean.nist = mean.nist && s.nist ? std::optional(*mean.nist + *s.nist / n) : std::nullopt;
    mean.rouge_l += s.rouge_l / n;
    mean.cider += s.cider / n;
  }
  return mean;
}

/// A column of values for each score.
using ScoreColumns = ForEachScore<std::vector<double>>;

SOLO_INLINE void append(ScoreColumns& columns, const TextScores& s) {
  columns.bleu.push_back(s.bleu);
  if (columns.nist && s.nist) {
    columns.nist->push_back(*s.nist);
  } else {
    columns.nist.reset();
  }
  columns.rouge_l.push_back(s.rouge_l);
  columns.cider.push_back(s.cider);
}

[[nodiscard]] SOLO_INLINE TextScores difference(const TextScores& a, const TextScores& b) {
  return {.bleu = a.bleu - b.bleu,
          .nist = a.nist && b.nist ? std::optional(*a.nist - *b.nist) : std::nullopt,
          .rouge_l = a.rouge_l - b.rouge_l,
          .cider = a.cider - b.cider};
}

[[nodiscard]] SOLO_INLINE PairedComparison comparison_of(double difference,
                                                         std::vector<double>& sampled,
                                                         double level) {
  const auto n = static_cast<double>(sampled.size());
  const auto not_above =
      std::count_if(sampled.begin(), sampled.end(), [](double d) { return d <= 0; });
  const auto not_below =
      std::count_if(sampled.begin(), sampled.end(), [](double d) { return d >= 0; });
  const double tail = static_cast<double>(std::min(not_above, not_below)) / n;
  const Interval interval = interval_of(sampled, level);
  return {.difference = difference,
          .low = interval.low,
          .high = interval.high,
          .p_value = std::clamp(2.0 * tail, 1.0 / n, 1.0)};
}

}  // namespace detail

SOLO_INLINE Interval confidence_interval(Index instances, const SampleScore& score,
                                         const BootstrapOptions& options) {
  detail::check_bootstrap(instances, options);
  detail::check_score(score);
  std::vector<double> values = detail::sampled(instances, score, options);
  return detail::interval_of(values, options.level);
}

SOLO_INLINE PairedComparison paired_bootstrap(Index instances, const SampleScore& difference,
                                              const BootstrapOptions& options) {
  detail::check_bootstrap(instances, options);
  detail::check_score(difference);
  std::vector<double> values = detail::sampled(instances, difference, options);
  return detail::comparison_of(difference(detail::each_once(instances)), values, options.level);
}

SOLO_INLINE ForEachScore<Interval> confidence_intervals(const TextEvaluation& evaluation,
                                                        const BootstrapOptions& options) {
  detail::check_bootstrap(evaluation.size(), options);
  detail::ScoreColumns columns{.nist = std::vector<double>()};
  detail::for_each_sample(evaluation.size(), options, [&](std::span<const Index> sample) {
    detail::append(columns, evaluation.scores(sample));
  });
  const auto of = [&](std::vector<double>& values) {
    return detail::interval_of(values, options.level);
  };
  ForEachScore<Interval> all{
      .bleu = of(columns.bleu), .rouge_l = of(columns.rouge_l), .cider = of(columns.cider)};
  if (columns.nist) all.nist = of(*columns.nist);
  return all;
}

SOLO_INLINE ForEachScore<PairedComparison> paired_bootstrap(std::span<const TextEvaluation> a,
                                                            std::span<const TextEvaluation> b,
                                                            const BootstrapOptions& options) {
  if (a.empty() || b.empty()) fail<ConfigError>("metrics.sample", "a side has no evaluations");
  const Index size = a.front().size();
  for (const std::span<const TextEvaluation> side : {a, b}) {
    for (const TextEvaluation& evaluation : side) {
      if (evaluation.size() == size) continue;
      fail<ConfigError>("metrics.sample", "expected evaluations of ", size, " instances, found ",
                        evaluation.size());
    }
  }
  detail::check_bootstrap(size, options);
  const auto compare = [&](std::span<const Index> sample) {
    return detail::difference(detail::mean_scores(a, sample), detail::mean_scores(b, sample));
  };
  const TextScores whole = compare(detail::each_once(size));
  detail::ScoreColumns columns{.nist = std::vector<double>()};
  detail::for_each_sample(size, options, [&](std::span<const Index> sample) {
    detail::append(columns, compare(sample));
  });
  const auto of = [&](double difference, std::vector<double>& sampled) {
    return detail::comparison_of(difference, sampled, options.level);
  };
  ForEachScore<PairedComparison> all{.bleu = of(whole.bleu, columns.bleu),
                                     .rouge_l = of(whole.rouge_l, columns.rouge_l),
                                     .cider = of(whole.cider, columns.cider)};
  if (columns.nist && whole.nist) all.nist = of(*whole.nist, *columns.nist);
  return all;
}

}  // namespace solo::inline SOLO_ABI
