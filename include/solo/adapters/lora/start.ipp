// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/base_copy.hpp>
#include <solo/adapters/lora/start.hpp>
#include <solo/core/error.hpp>

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

/// Lengths that differ by less, relative to the larger, are equal for peft, which computes in
/// float: rounding there turns the vectors by about float's epsilon over this.
inline constexpr double kStartTolerance = 0x1p-17;

template <class... Why>
[[noreturn]] void refuse_start(const LoraSite& site, const Why&... why) {
  fail<ConfigError>("lora.start", "init_lora_weights: ", site.module, ": ", why...,
                    "; convert the adapter to plain LoRA in peft (save_pretrained with "
                    "path_initial_model_for_weight_conversion), or merge it there");
}

SOLO_INLINE void check_start(const LoraConfig& config, const GPT2Config& base) {
  if (config.start == LoraStart::plain) return;
  const std::string_view name = to_string(config.start);
  if (config.lora_bias) {
    fail<ConfigError>("lora.conflict", "lora_bias: not possible with init_lora_weights ", name);
  }
  for (const LoraSite& site : plan_lora(config, base).sites) {
    if (site.is_embedding()) continue;  // peft begins there as always
    if (!site.table.empty()) {
      refuse_start(site, name, " took its part out of the embedding, too, where the two are tied");
    }
    if (site.sliced()) refuse_start(site, name, " is not possible for parts of a layer");
    if (config.start == LoraStart::pissa && !(site.scale > 0.0)) {
      refuse_start(site, name, " needs a scale over 0, found ", site.scale);
    }
    if (config.start == LoraStart::olora && site.in != site.out) {
      refuse_start(site, "peft defines ", name, " for square layers alone, found ", site.in, " to ",
                   site.out);
    }
    if (site.rank > std::min(site.in, site.out)) {
      refuse_start(site, name, " needs a rank of at most ", std::min(site.in, site.out), ", found ",
                   site.rank);
    }
  }
}

SOLO_INLINE LoraFactors pissa_factors(const LoraSite& site, const Matrix<double>& weight) {
  const Index in = weight.rows();
  const Index out = weight.cols();
  const Index r = site.rank;
  // The vectors of the shorter side are those of W Wᵀ or Wᵀ W; double leaves more of them than the
  // decomposition of W in float would.
  const bool wide = in <= out;
  Matrix<double> gram;
  if (wide) {
    gram = weight * weight.transpose();
  } else {
    gram = weight.transpose() * weight;
  }
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> solver(gram);
  const Index count = std::min(in, out);
  const auto value = [&](Index i) {  // the largest first
    return std::sqrt(std::max(0.0, solver.eigenvalues()[count - 1 - i]));
  };
  const double noise = kStartTolerance * value(0);
  if (r < count && value(r - 1) > noise &&
      value(r - 1) - value(r) <= kStartTolerance * value(r - 1)) {
    refuse_start(site, "pissa of rank ", r, " is not defined, as singular values ", r, " and ",
                 r + 1, " of the weight are equal (", value(r - 1), ')');
  }
  LoraFactors result{Matrix<double>::Zero(r, in), Matrix<double>::Zero(out, r)};
  for (Index i = 0; i < r; ++i) {
    Eigen::VectorXd left = solver.eigenvectors().col(count - 1 - i);
    Eigen::VectorXd right = left;
    if (wide) {
      right = weight.transpose() * left;
    } else {
      left = weight * right;
    }
    Eigen::VectorXd& scaled = wide ? right : left;  // by the singular value, until here
    const double s = scaled.norm();
    if (!(s > 0.0)) continue;
    scaled /= s;
    result.a.row(i) = std::sqrt(s / site.scale) * left.transpose();
    result.b.col(i) = std::sqrt(s / site.scale) * right;
  }
  return result;
}

SOLO_INLINE LoraFactors olora_factors(const LoraSite& site, const Matrix<double>& weight) {
  const Index in = weight.rows();
  const Index r = site.rank;
  Matrix<double> q(r, in);  // its columns as rows
  for (Index i = 0; i < r; ++i) {
    Eigen::VectorXd column = weight.col(i);
    const double length = column.norm();
    for (int pass = 0; pass < 2; ++pass) {  // the second one removes what rounding left
      column -= q.topRows(i).transpose() * (q.topRows(i) * column);
    }
    const double rest = column.norm();
    if (!(rest > kStartTolerance * length)) {
      refuse_start(site, "olora of rank ", r, " is not defined, as column ", i,
                   " of the weight depends on those before it");
    }
    q.row(i) = (column / rest).transpose();
  }
  // peft's A is R's rows and its B Q's columns, of a weight that it does not transpose; what it
  // takes out is scale · Q R.
  Matrix<double> b = (q * weight).transpose();
  return {std::move(q), std::move(b)};
}

/// `first` and below it, or beside it, the start's factor times `sign`.
template <Scalar T>
[[nodiscard]] Tensor<T> extended(const Tensor<T>& first, const Matrix<double>& start, bool below,
                                 double sign, const std::string& name) {
  const MatrixView<const T> own = first.matrix();
  Tensor<T> result({own.rows + (below ? start.rows() : 0), own.cols + (below ? 0 : start.cols())});
  const MatrixView<T> to = result.matrix();
  for (Index i = 0; i < own.rows; ++i) std::copy_n(own.row(i), own.cols, to.row(i));
  for (Index i = 0; i < start.rows(); ++i) {
    for (Index j = 0; j < start.cols(); ++j) {
      const auto x = static_cast<T>(sign * start(i, j));
      if (!is_finite(static_cast<double>(x))) {
        fail<NumericError>("numeric.overflow", name, ": the start's value ", start(i, j),
                           " does not fit the type");
      }
      to(below ? own.rows + i : i, below ? j : own.cols + j) = x;
    }
  }
  return result;
}

template <Scalar T>
void make_plain(LoraConfig& config, const GPT2<T>& model, std::vector<FileTensor<T>>& tensors) {
  if (config.start == LoraStart::plain) return;
  const std::vector<LoraSite> sites = plan_lora(config, model.config()).sites;
  std::vector<LoraFactors> factors(sites.size());
  model.pool()->for_each(static_cast<Index>(sites.size()), [&](Index index) {
    const auto i = static_cast<std::size_t>(index);
    const LoraSite& site = sites[i];
    if (site.is_embedding()) {  // nothing was taken out: the ranks are as the others' with zeros
      factors[i] = {Matrix<double>::Zero(site.rank, site.in),
                    Matrix<double>::Zero(site.out, site.rank)};
      return;
    }
    Matrix<T> weight(site.in, site.out);
    base_parameter(model, site.site.name() + ".weight").operand().copy(weight.data());
    const Matrix<double> exact = weight.template cast<double>();
    factors[i] =
        config.start == LoraStart::pissa ? pissa_factors(site, exact) : olora_factors(site, exact);
  });
  const std::size_t stride = config.use_dora ? 3 : 2;  // as lora_file_tensors has them
  for (std::size_t i = 0; i < sites.size(); ++i) {
    FileTensor<T>& a = tensors[i * stride];
    FileTensor<T>& b = tensors[i * stride + 1];
    a.value = extended(a.value, factors[i].a, true, 1.0, a.name);
    b.value = extended(b.value, factors[i].b, false, -1.0, b.name);
  }
  const double alphas = config.use_rslora ? std::sqrt(2.0) : 2.0;
  config.r *= 2;
  config.lora_alpha *= alphas;
  for (auto& [key, rank] : config.rank_pattern) rank *= 2;
  for (auto& [key, alpha] : config.alpha_pattern) alpha *= alphas;
  config.start = LoraStart::plain;
}

#if !SOLO_HEADER_ONLY
template void make_plain<float>(LoraConfig&, const GPT2<float>&, std::vector<FileTensor<float>>&);
template void make_plain<double>(LoraConfig&, const GPT2<double>&,
                                 std::vector<FileTensor<double>>&);
#endif

}  // namespace solo::inline SOLO_ABI::detail
