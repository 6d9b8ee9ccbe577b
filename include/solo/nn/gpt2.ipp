// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/function_support.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/autograd/lm_loss.hpp>
#include <solo/data/dataset.hpp>
#include <solo/nn/gpt2.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <numeric>

namespace solo::inline SOLO_ABI {

namespace detail {

/// N(0, deviation) from stream `stream`.
template <Scalar T>
void fill_normal(ThreadPool& pool, Tensor<T>& tensor, double deviation, const Philox& random) {
  T* const data = tensor.data();
  const Index count = tensor.size();
  pool.for_ranges((count + 3) / 4, [&](Index begin, Index end) {
    for (Index block = begin; block < end; ++block) {
      const std::array<double, 4> draws = random.normals(static_cast<std::uint64_t>(block));
      for (Index i = 4 * block; i < std::min(4 * block + 4, count); ++i) {
        data[i] = static_cast<T>(deviation * draws[static_cast<std::size_t>(i % 4)]);
      }
    }
  });
}

/// Rows with a target; ConfigError when there are none.
[[nodiscard]] inline std::size_t scored_rows(const Batch& batch) {
  const auto ignored = std::count(batch.targets.begin(), batch.targets.end(), kIgnoreIndex);
  const std::size_t count = batch.targets.size() - static_cast<std::size_t>(ignored);
  if (count == 0) fail<ConfigError>("loss.labels", "the batch has no label to score");
  return count;
}

/// The numbers of the `count` rows with a target, and these targets, in the tape's memory.
struct ScoredRows {
  std::span<const Index> rows;
  std::span<const int> targets;

  template <Scalar T>
  ScoredRows(Tape<T>& tape, const Batch& batch, std::size_t count) {
    Index* const row = tape.template scratch<Index>(static_cast<Index>(count));
    int* const target = tape.template scratch<int>(static_cast<Index>(count));
    std::size_t n = 0;
    for (std::size_t i = 0; i < batch.targets.size(); ++i) {
      if (batch.targets[i] == kIgnoreIndex) continue;
      row[n] = static_cast<Index>(i);
      target[n++] = batch.targets[i];
    }
    rows = {row, count};
    targets = {target, count};
  }
};

/// The prefix's outputs as the source gives them, on the tape; nothing without a source.
template <Scalar T>
[[nodiscard]] std::span<const Var<T>> prefix_values(Tape<T>& tape, const Batch& batch, Index width,
                                                    PrefixSource<T>* source) {
  if (source == nullptr) return {};
  const std::size_t count = source->prefix().outputs.size();
  auto* const values = tape.template scratch<Var<T>>(static_cast<Index>(count));
  auto* const views = tape.template scratch<MatrixView<T>>(static_cast<Index>(count));
  for (std::size_t i = 0; i < count; ++i) {
    new (values + i) Var<T>(tape.create(batch.rows(), width, false));
    new (views + i) MatrixView<T>(values[i].value());
  }
  source->fill(batch, {views, count});
  return {values, count};
}

}  // namespace detail

template <Scalar T>
GPT2<T>::GPT2(const GPT2Config& config, const ModelOptions& options, Uninitialised /*tag*/)
    : config_(config) {
  config_.validate();
  if (options.frozen_dtype != DType::float32 && options.frozen_dtype != DType::bfloat16) {
    fail<ConfigError>("config.frozen_dtype", "frozen_dtype: expected float32 or bfloat16, found ",
                      to_string(options.frozen_dtype));
  }
  pool_ = std::make_shared<ThreadPool>(options.threads);
  network_ = std::make_unique<Network<T>>(config_);
}

template <Scalar T>
GPT2<T>::GPT2(const GPT2Config& config, const ModelOptions& options)
    : GPT2(config, options, Uninitialised{}) {
  eos_token_ids_ = config_.end_tokens();
  const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(config_.n_layer));
  for (Parameter<T>* p : network_->parameters()) {
    if (options.frozen_dtype == DType::bfloat16) p->set_requires_grad(false);
    if (p->shape().size() == 2) {
      const Philox random(options.seed, static_cast<std::uint64_t>(p->id()));
      const bool projection = p->name().ends_with(".c_proj.weight");
      detail::fill_normal(*pool_, p->value(), projection ? residual : 0.02, random);
      p->pack(options.frozen_dtype == DType::bfloat16);
    } else if (p->name().ends_with(".weight")) {
      p->value().fill(T{1});
    }
  }
}

template <Scalar T>
std::vector<Parameter<T>*> GPT2<T>::parameters() {
  return network().parameters();
}

template <Scalar T>
std::vector<const Parameter<T>*> GPT2<T>::parameters() const {
  const std::vector<Parameter<T>*> all = network().parameters();
  return {all.begin(), all.end()};
}

template <Scalar T>
Parameter<T>& GPT2<T>::parameter(std::string_view name) {
  for (Parameter<T>* p : network().parameters()) {
    if (p->name() == name) return *p;
  }
  fail<ConfigError>("model.parameter", "the model has no parameter ", quoted(name));
}

template <Scalar T>
Index GPT2<T>::parameter_count() const {
  Index count = 0;
  for (const Parameter<T>* p : parameters()) count += p->size();
  return count;
}

template <Scalar T>
void GPT2<T>::check_input(const Batch& batch) const {
  static_cast<void>(network());
  if (batch.ids.empty()) fail<ShapeError>("sequence.empty", "the batch has no token");
  if (!batch.targets.empty() && batch.targets.size() != batch.ids.size()) {
    fail<ShapeError>("shape.mismatch", "batch: ", batch.ids.size(), " ids, ", batch.targets.size(),
                     " targets");
  }
  require_segments(batch.segments, batch.rows());
  for (std::size_t i = 0; i < batch.segments.size(); ++i) {
    const Segment& s = batch.segments[i];
    if (s.position < 0 || s.position > config_.n_positions) {
      fail<ShapeError>("sequence.length", "segment ", i, ": position ", s.position,
                       " is not one of 0 to n_positions ", config_.n_positions);
    }
    if (s.length > config_.n_positions - s.position) {
      fail<ShapeError>("sequence.length", "a sequence of ", s.position + s.length,
                       " tokens is longer than n_positions ", config_.n_positions);
    }
    if (s.parent == -1) continue;
    const Segment& parent = batch.segments[static_cast<std::size_t>(s.parent)];
    if (parent.position + parent.length != s.position) {
      fail<ShapeError>("batch.segments", "segment ", i, ": its parent ", s.parent,
                       " does not end at position ", s.position);
    }
  }
}

template <Scalar T>
void GPT2<T>::head_logits(const ForwardContext<T>& context, const Var<T>& h,
                          MatrixView<T> result) const {
  const Var<T> normed = network_->ln_f.forward(context, h);
  lm_logits<T>(context.tape, normed.value(), network_->adapted_head(context, normed), result);
}

template <Scalar T>
void GPT2<T>::write_logits(std::span<const int> ids, MatrixView<T> result,
                           const EvalOptions& options) const {
  Batch batch;
  batch.ids.assign(ids.begin(), ids.end());
  batch.segments = {{.length = batch.rows()}};
  check_input(batch);
  detail::require_view("write_logits", result, batch.rows(), config_.vocab_size);
  Tape<T> tape(pool_);
  tape.begin({.record = false, .training = false});
  const ForwardContext<T> context{
      .tape = tape, .hooks = hooks(options.adapter), .segments = batch.segments};
  const Var<T> h = network_->forward(context, config_, batch.ids);
  head_logits(context, h, result);
}

template <Scalar T>
void GPT2<T>::check_continues(const Batch& batch, KeyValueCache<T>& cache,
                              std::span<const Index> sequences) const {
  cache.require_fits(config_);
  check_input(batch);
  if (sequences.size() != batch.segments.size()) {
    fail<ShapeError>("shape.mismatch", "next_logits: ", batch.segments.size(), " segments, ",
                     sequences.size(), " sequences");
  }
  cache.require_distinct(sequences);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Segment& s = batch.segments[i];
    if (s.parent != -1 || s.position != cache.length(sequences[i]) ||
        s.position + s.length > cache.capacity()) {
      fail<ShapeError>("batch.segments", "segment ", i, ": position ", s.position, " and ",
                       s.length, " tokens do not continue a cached sequence of ",
                       cache.length(sequences[i]), " in room for ", cache.capacity());
    }
  }
}

template <Scalar T>
MatrixView<T> GPT2<T>::next_logits(const Batch& batch, KeyValueCache<T>& cache,
                                   std::span<const Index> sequences,
                                   const AdapterChoice& adapter) const {
  check_continues(batch, cache, sequences);
  const std::size_t count = sequences.size();
  Tape<T>& tape = cache.tape();
  tape.begin({.record = false, .training = false}, pool_);
  auto* const cached = tape.template scratch<ops::CachedSequence<T>>(static_cast<Index>(count));
  auto* const last = tape.template scratch<Index>(static_cast<Index>(count));
  const ActiveHooks<T>& active = hooks(adapter);
  const std::span<LinkHistory<T>> histories(
      tape.template scratch<LinkHistory<T>>(static_cast<Index>(count)), count);
  for (std::size_t i = 0; i < count; ++i) {
    histories[i] = cache.histories(sequences[i], active.history_size);
  }
  for (std::size_t i = 0; i < count; ++i) cache.reserve(sequences[i], batch.segments[i].length);
  for (std::size_t i = 0; i < count; ++i) {
    new (cached + i) ops::CachedSequence<T>(cache.view(sequences[i]));
    last[i] = batch.segments[i].begin + batch.segments[i].length - 1;
  }
  const ForwardContext<T> context{.tape = tape,
                                  .hooks = active,
                                  .segments = batch.segments,
                                  .needed = {last, count},
                                  .cached = {cached, count},
                                  .capacity = cache.capacity(),
                                  .histories = histories};
  const Var<T> h = network_->forward(context, config_, batch.ids);
  const MatrixView<T> result = cache.logits(static_cast<Index>(count), config_.vocab_size);
  head_logits(context, h, result);
  for (std::size_t i = 0; i < count; ++i) {
    cache.advance(sequences[i], batch.segments[i].length);
  }
  return result;
}

template <Scalar T>
void GPT2<T>::observe_links(const Batch& batch, const LinkObserver<T>& observer) const {
  check_input(batch);
  if (!observer) fail<ConfigError>("config.value", "observe_links: the observer is empty");
  const AdapterHold hold = hold_adapters();
  Tape<T> tape(pool_);
  tape.begin({.record = false, .training = false});
  const ForwardContext<T> context{
      .tape = tape, .hooks = hooks({}), .segments = batch.segments, .observer = &observer};
  (void)network_->forward(context, config_, batch.ids);
}

template <Scalar T>
FrozenPrefix GPT2<T>::frozen_prefix() const {
  return network().frozen_prefix(hooks({}));
}

template <Scalar T>
void GPT2<T>::require_prefix(const FrozenPrefix& prefix) const {
  if (network_->has_prefix(hooks({}), prefix)) return;
  fail<ConfigError>("prefix.other", "expected the frozen prefix of ", to_string(frozen_prefix()),
                    ", found ", to_string(prefix));
}

template <Scalar T>
void GPT2<T>::prefix_outputs(Tape<T>& tape, const Batch& batch, const FrozenPrefix& prefix,
                             std::span<const MatrixView<T>> outputs) const {
  check_input(batch);
  require_prefix(prefix);
  detail::require_outputs("prefix_outputs", outputs, prefix, batch.rows(), config_.n_embd);
  tape.begin({.record = false, .training = false}, pool_);
  const ForwardContext<T> context{.tape = tape, .hooks = no_hooks_, .segments = batch.segments};
  network_->forward_prefix(context, config_, batch.ids, prefix, outputs);
  tape.clear();
}

template <Scalar T>
Var<T> GPT2<T>::loss(Tape<T>& tape, const Batch& batch, const LossOptions& options,
                     PrefixSource<T>* source) {
  require_unmerged(nullptr);
  check_input(batch);
  if (!(options.label_smoothing >= 0.0 && options.label_smoothing < 1.0)) {
    fail<ConfigError>("config.range", "label_smoothing: expected 0 <= x < 1, found ",
                      options.label_smoothing);
  }
  if (!(options.homotopy >= 0.0 && options.homotopy <= 1.0)) {
    fail<ConfigError>("config.range", "homotopy: expected 0 <= x <= 1, found ", options.homotopy);
  }
  if (source != nullptr) {
    require_prefix(source->prefix());
    if (options.training && options.model_dropout) {
      fail<ConfigError>("prefix.dropout", "model_dropout: the outputs of a prefix are without it");
    }
  }
  const std::size_t count = detail::scored_rows(batch);
  tape.begin({.record = true,
              .training = options.training,
              .seed = batch.seed,
              .step = batch.step,
              .homotopy = options.training ? options.homotopy : 1.0,
              .gradient_checkpointing = options.gradient_checkpointing},
             pool_);
  tape.depend_on(guard_.changes());
  const detail::ScoredRows scored(tape, batch, count);
  const FrozenPrefix* const prefix = source == nullptr ? nullptr : &source->prefix();
  const std::span<const Segment> segments = batch.segments;
  const ForwardContext<T> context{
      .tape = tape,
      .hooks = hooks({}),
      .segments = detail::stored(tape, segments),
      .needed = scored.rows,
      .prefix = prefix,
      .prefix_outputs = detail::prefix_values(tape, batch, config_.n_embd, source),
      .model_dropout = options.training && options.model_dropout};
  const Var<T> h = network_->forward(context, config_, batch.ids);
  const Var<T> normed = network_->ln_f.forward(context, h);
  tape.release(h);
  return lm_loss<T>(tape, normed,
                    {.head = network_->adapted_head(context, normed),
                     .targets = scored.targets,
                     .label_smoothing = options.label_smoothing,
                     .normalizer = options.normalizer,
                     .nll_sum = options.nll_sum,
                     .loss_sum = options.loss_sum});
}

template <Scalar T>
Score GPT2<T>::score(const Batch& batch, const EvalOptions& options) const {
  check_input(batch);
  const std::size_t count = detail::scored_rows(batch);
  Tape<T> tape(pool_);
  tape.begin({.record = false, .training = false});
  const detail::ScoredRows scored(tape, batch, count);
  const ForwardContext<T> context{.tape = tape,
                                  .hooks = hooks(options.adapter),
                                  .segments = batch.segments,
                                  .needed = scored.rows};
  const Var<T> h = network_->forward(context, config_, batch.ids);
  const Var<T> normed = network_->ln_f.forward(context, h);
  double nll = 0.0;
  const Var<T> mean = lm_loss<T>(tape, normed,
                                 {.head = network_->adapted_head(context, normed),
                                  .targets = scored.targets,
                                  .nll_sum = &nll});
  const auto tokens = static_cast<Index>(scored.targets.size());
  if (!is_finite(static_cast<double>(mean.item()))) {
    fail<NumericError>("numeric.loss", "the loss is not finite");
  }
  return {nll / static_cast<double>(tokens), tokens};
}

template <Scalar T>
Score GPT2<T>::score(const Dataset& data, const EvalOptions& options) const {
  if (options.batch_size < 1) {
    fail<ConfigError>("config.range", "batch_size: expected at least 1, found ",
                      options.batch_size);
  }
  double sum = 0.0;
  Index tokens = 0;
  std::vector<Index> indices;
  for (Index begin = 0; begin < data.size(); begin += options.batch_size) {
    indices.resize(static_cast<std::size_t>(std::min(options.batch_size, data.size() - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    const Batch batch = data.batch_of(indices);
    if (batch.scored_tokens == 0) continue;
    const Score part = score(batch, options);
    sum += part.loss * static_cast<double>(part.tokens);
    tokens += part.tokens;
  }
  if (tokens == 0) fail<ConfigError>("loss.labels", "the data set has nothing to score");
  return {sum / static_cast<double>(tokens), tokens};
}

#if !SOLO_HEADER_ONLY
template class GPT2<float>;
template class GPT2<double>;
#endif

}  // namespace solo::inline SOLO_ABI
