// SPDX-License-Identifier: MIT
/// @file
/// Norm of the gradients, and clipping to it.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/core/parallel.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// "nan", "inf" or "-inf"; to_chars also says "-nan".
[[nodiscard]] inline std::string_view non_finite_name(double x) noexcept {
  if (x > 0.0) return "inf";
  return x < 0.0 ? "-inf" : "nan";
}

}  // namespace detail

/// Options of gradient_norm and clip_grad_norm.
struct GradientNormOptions {
  std::shared_ptr<ThreadPool> pool = {};  ///< null: the calling thread alone
  std::int64_t step = 0;                  ///< named in errors when above 0
};

/// √(Σ g²) over the gradients of all parameters that have one, summed in double in fixed blocks, so
/// that it does not depend on the thread count. Throws NumericError ("numeric.gradient") naming the
/// first tensor whose gradient has a NaN or an infinity, ShapeError for one of another shape than
/// its parameter.
template <Scalar T>
[[nodiscard]] double gradient_norm(const std::vector<Parameter<T>*>& parameters,
                                   const GradientNormOptions& options = {});

/// Throws NumericError ("numeric.gradient") when the square of a gradient's norm, as AdamW gets it,
/// is beyond T: the second moment would be infinite. `step` is named when above 0.
template <Scalar T>
void require_square(double norm, std::int64_t step);

/// min(1, max_norm / (norm + 1e-6)), the factor of torch's clip_grad_norm_.
[[nodiscard]] constexpr double clip_factor(double norm, double max_norm) noexcept {
  const double factor = max_norm / (norm + 1e-6);
  return factor < 1.0 ? factor : 1.0;
}

/// Multiplies all gradients by clip_factor(norm, max_norm) and returns the norm before. Throws as
/// gradient_norm, and ConfigError ("config.range") unless max_norm > 0.
template <Scalar T>
double clip_grad_norm(const std::vector<Parameter<T>*>& parameters, double max_norm,
                      const GradientNormOptions& options = {});

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/optim/clip.ipp>  // IWYU pragma: keep
#endif
