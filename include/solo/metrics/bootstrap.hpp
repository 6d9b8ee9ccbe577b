// SPDX-License-Identifier: MIT
/// @file
/// How sure scores are: the bootstrap over instances (Koehn 2004).
#pragma once

#include <solo/metrics/text_evaluation.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace solo::inline SOLO_ABI {

struct BootstrapOptions {
  Index samples = 1000;  ///< at most a million
  std::uint64_t seed = 12345;
  double level = 0.95;  ///< of the intervals
};

/// An interval that holds `level` of the resampled scores.
struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// A value for each score that is computed here.
template <class Value>
struct ForEachScore {
  Value bleu = {};
  std::optional<Value> nist = {};  ///< none if NIST is not defined in a sample
  Value rouge_l = {};
  Value cider = {};
};

/// How far a is from b.
struct PairedComparison {
  double difference = 0.0;  ///< score of a − score of b, of all instances
  double low = 0.0;         ///< of the interval of differences
  double high = 0.0;
  /// Two-sided: twice the share of samples in which the sign is the other one, or there is no
  /// difference; at least 1 / samples, at most 1.
  double p_value = 1.0;
};

/// A score of the instances that were drawn, given their numbers; some more than once.
using SampleScore = std::function<double(std::span<const Index> sample)>;

/// The percentile interval of any score of `instances` instances. Throws ConfigError
/// "metrics.sample" for less than one instance, "config.range" for more than 2^28 and for options
/// out of range, "config.value" for an empty score.
[[nodiscard]] Interval confidence_interval(Index instances, const SampleScore& score,
                                           const BootstrapOptions& options = {});

/// The same for a difference of two systems' scores on the instances drawn. Of one seed, all
/// functions here draw the same samples. Throws as confidence_interval() does.
[[nodiscard]] PairedComparison paired_bootstrap(Index instances, const SampleScore& difference,
                                                const BootstrapOptions& options = {});

/// Percentile intervals. Throws ConfigError "config.range" for options out of range.
[[nodiscard]] ForEachScore<Interval> confidence_intervals(const TextEvaluation& evaluation,
                                                          const BootstrapOptions& options = {});

/// Compares two systems on the same instances, drawn together. A side is the texts of one or more
/// runs (seeds); its score is the mean over them. Throws ConfigError: "metrics.sample" when the
/// sides are empty or not of as many instances, "config.range".
[[nodiscard]] ForEachScore<PairedComparison> paired_bootstrap(std::span<const TextEvaluation> a,
                                                              std::span<const TextEvaluation> b,
                                                              const BootstrapOptions& options = {});

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/metrics/bootstrap.ipp>  // IWYU pragma: keep
#endif
