// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/scratch.hpp>
#include <solo/optim/clip.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Some consecutive elements of one gradient.
template <Scalar T>
struct GradientBlock {
  Parameter<T>* owner;
  const T* data;
  Index size;
  double sum;  // of the squares
};

inline constexpr Index kGradientBlock = 4096;

/// Σ x² in eight fixed lanes.
template <Scalar T>
double sum_of_squares(const T* x, Index size) {
  std::array<double, 8> lanes{};
  constexpr auto kLanes = static_cast<Index>(lanes.size());
  Index i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (Index j = 0; j < kLanes; ++j) {
      const auto value = static_cast<double>(x[i + j]);
      lanes[static_cast<std::size_t>(j)] += value * value;
    }
  }
  for (; i < size; ++i) {
    const auto value = static_cast<double>(x[i]);
    lanes[static_cast<std::size_t>(i % kLanes)] += value * value;
  }
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

/// f(0), …, f(count − 1), on the pool if there is one.
template <class F>
void for_each_block(ThreadPool* pool, Index count, const F& f) {
  if (pool != nullptr && count > 2) {
    pool->for_each(count, f);
  } else {
    for (Index i = 0; i < count; ++i) f(i);
  }
}

[[nodiscard]] inline std::string step_prefix(std::int64_t step) {
  return step > 0 ? concat("step ", step, ": ") : std::string();
}

template <Scalar T>
[[noreturn]] void refuse_gradient(Parameter<T>& p, std::int64_t step) {
  const std::string where = step_prefix(step);
  const auto gradient = p.grad().span();
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    const auto g = static_cast<double>(gradient[i]);
    if (is_finite(g)) continue;
    fail<NumericError>("numeric.gradient", where, "the gradient of ", quoted(p.name()), " is ",
                       non_finite_name(g), " at element ", i);
  }
  fail<NumericError>("numeric.gradient", where, "the norm of the gradient of ", quoted(p.name()),
                     " is too large");
}

}  // namespace detail

template <Scalar T>
double gradient_norm(const std::vector<Parameter<T>*>& parameters,
                     const GradientNormOptions& options) {
  using Block = detail::GradientBlock<T>;
  Index count = 0;
  for (const Parameter<T>* p : parameters) {
    if (p == nullptr) fail<ConfigError>("optim.parameters", "a parameter is null");
    if (p->has_grad()) count += (p->size() + detail::kGradientBlock - 1) / detail::kGradientBlock;
  }
  Block* const blocks = detail::thread_buffer<Block, detail::kGradientNorm>(count);
  Block* block = blocks;
  for (Parameter<T>* p : parameters) {
    if (!p->has_grad()) continue;
    const auto gradient = p->grad().span();
    const auto size = static_cast<Index>(gradient.size());
    for (Index begin = 0; begin < size; begin += detail::kGradientBlock) {
      *block++ = {p, gradient.data() + begin, std::min(detail::kGradientBlock, size - begin), 0.0};
    }
  }
  detail::for_each_block(options.pool.get(), count, [&](Index i) {
    blocks[i].sum = detail::sum_of_squares(blocks[i].data, blocks[i].size);
  });
  double sum = 0.0;
  for (Index i = 0; i < count; ++i) {
    sum += blocks[i].sum;
    if (!is_finite(sum)) detail::refuse_gradient(*blocks[i].owner, options.step);
  }
  return std::sqrt(sum);
}

template <Scalar T>
void require_square(double norm, std::int64_t step) {
  constexpr auto kMost = static_cast<double>(std::numeric_limits<T>::max());
  if (norm <= std::sqrt(kMost)) return;
  fail<NumericError>("numeric.gradient", detail::step_prefix(step), "the norm of the gradient is ",
                     norm, "; its square is beyond ", sizeof(T) == 4 ? "float32" : "float64");
}

template <Scalar T>
double clip_grad_norm(const std::vector<Parameter<T>*>& parameters, double max_norm,
                      const GradientNormOptions& options) {
  if (!(max_norm > 0.0)) {
    fail<ConfigError>("config.range", "max_norm: expected a number above 0, found ", max_norm);
  }
  const double norm = gradient_norm(parameters, options);
  const double factor = clip_factor(norm, max_norm);
  if (factor == 1.0) return norm;
  for (Parameter<T>* p : parameters) {
    if (!p->has_grad()) continue;
    for (T& g : p->grad().span()) g *= static_cast<T>(factor);
  }
  return norm;
}

#if !SOLO_HEADER_ONLY
template void require_square<float>(double, std::int64_t);
template void require_square<double>(double, std::int64_t);
template double gradient_norm(const std::vector<Parameter<float>*>&, const GradientNormOptions&);
template double gradient_norm(const std::vector<Parameter<double>*>&, const GradientNormOptions&);
template double clip_grad_norm(const std::vector<Parameter<float>*>&, double,
                               const GradientNormOptions&);
template double clip_grad_norm(const std::vector<Parameter<double>*>&, double,
                               const GradientNormOptions&);
#endif

}  // namespace solo::inline SOLO_ABI
