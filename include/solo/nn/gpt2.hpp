// SPDX-License-Identifier: MIT
/// @file
/// GPT-2: a decoder-only transformer (Radford et al. 2019) with Hugging Face's names and files.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/core/eigen.hpp>
#include <solo/core/parallel.hpp>
#include <solo/data/batch.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/nn/block.hpp>
#include <solo/nn/frozen_prefix.hpp>
#include <solo/nn/generation_config.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/nn/hooks.hpp>
#include <solo/nn/kv_cache.hpp>
#include <solo/nn/model_guard.hpp>
#include <solo/nn/network.hpp>

#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

class Dataset;

/// How a model computes and keeps its weights.
struct ModelOptions {
  int threads = 0;  ///< 0: all cores
  /// float32 (in full) or bfloat16: all of the base is frozen, its matrices are kept as bfloat16.
  /// Norms and biases train again once Parameter::set_requires_grad asks for it.
  DType frozen_dtype = DType::float32;
  std::uint64_t seed = 42;  ///< of random weights
  /// Loads the base alone of a folder that holds an adapter as well, which is refused otherwise.
  bool ignore_adapter = false;
};

/// How save_pretrained writes.
struct SaveOptions {
  DType dtype = DType::float32;
  std::map<std::string, std::string> metadata = {};  ///< of the tensors, beside "format"
};

/// How save_adapter writes.
struct SaveAdapterOptions {
  std::map<std::string, std::string> metadata = {};  ///< of the tensors, beside "format"
};

/// Which adapter a pass uses: the active one (nothing said), the one of this name, or none ("").
using AdapterChoice = std::optional<std::string>;

/// Options of GPT2::loss.
struct LossOptions {
  double label_smoothing = 0.0;
  /// The losses' sum is divided by it, from 1e-12 on; 0: by the batch's scored tokens.
  double normalizer = 0.0;
  bool training = true;        ///< dropout and gate schedules act
  bool model_dropout = false;  ///< the base's own embd/attn/resid_pdrop act too
  double homotopy = 1.0;       ///< τ of a gate schedule
  /// Of each block and link only the input is kept; the backward pass computes the rest again, to
  /// the bit. The model must not move until then.
  bool gradient_checkpointing = false;
  double* loss_sum = nullptr;  ///< if not null: receives the undivided sum in double
  double* nll_sum = nullptr;   ///< if not null: receives Σ −log p(target), without smoothing
};

/// Options of GPT2::score and GPT2::logits.
struct EvalOptions {
  AdapterChoice adapter = {};
  Index batch_size = 8;
};

/// Result of GPT2::score.
struct Score {
  double loss = 0.0;  ///< cross-entropy, mean over the scored tokens
  Index tokens = 0;
};

/// What add_adapter takes: an aggregate of options, for which make_adapter<T>(config, model)
/// exists.
template <class Config>
concept AdapterConfiguration = std::is_aggregate_v<Config>;

/// A GPT-2 language model with its adapters. Const calls may run on many threads at once, each with
/// an adapter of its own choice. Calls that are not (loss, adding, loading, switching, merging or
/// deleting an adapter, moving) need the model for themselves. A model that has been moved from is
/// empty: what needs its weights throws ConfigError ("model.moved").
template <Scalar T>
class GPT2 {
 public:
  /// Random weights as transformers initialises them: N(0, 0.02), residual projections divided by
  /// √(2 · n_layer), biases 0, norms 1. Throws ConfigError for a bad configuration.
  explicit GPT2(const GPT2Config& config, const ModelOptions& options = {});
  /// Both throw ConfigError ("adapter.held"), nothing moved, for a model that hold_adapters()
  /// holds.
  // NOLINTBEGIN(performance-noexcept-move-constructor): they throw
  GPT2(GPT2&&) = default;
  GPT2& operator=(GPT2&&) = default;
  // NOLINTEND(performance-noexcept-move-constructor)

  /// Loads a Hugging Face folder: config.json and model.safetensors (or shards). Throws
  /// FormatError, ShapeError, NumericError or IoError naming file and tensor, ConfigError
  /// ("model.adapter") when an adapter lies in the same folder.
  [[nodiscard]] static GPT2 from_pretrained(const std::filesystem::path& folder,
                                            const ModelOptions& options = {});
  /// Writes config.json, generation_config.json and model.safetensors, the adapters left out.
  void save_pretrained(const std::filesystem::path& folder, const SaveOptions& options = {}) const;
  /// The same as part of a larger result.
  void save_pretrained(AtomicFolder& files, const SaveOptions& options = {}) const;

  [[nodiscard]] const GPT2Config& config() const noexcept { return config_; }
  /// The folder the model was loaded from; empty for random weights.
  [[nodiscard]] const std::string& name_or_path() const noexcept { return name_or_path_; }
  /// Tokens that end a generated sequence: generation_config.json's, else config.json's; may be
  /// empty.
  [[nodiscard]] const std::vector<int>& eos_token_ids() const noexcept { return eos_token_ids_; }
  /// Lets generation end at this token too, and config() name it, as the HF Trainer does with the
  /// tokenizer's before it trains: where either lacks it, it comes first in both. Throws
  /// ConfigError "config.range" for a token beyond the vocabulary.
  void align_end_token(int token);
  /// How sequences are generated when an option does not say it.
  [[nodiscard]] const GenerationConfig& generation_config() const noexcept {
    return generation_config_;
  }
  [[nodiscard]] const std::shared_ptr<ThreadPool>& pool() const noexcept { return pool_; }

  /// The base's parameters in the order of the file; names as in the hub's files ("wte.weight",
  /// "h.0.attn.c_attn.weight", …, "lm_head.weight" if untied).
  [[nodiscard]] std::vector<Parameter<T>*> parameters();
  [[nodiscard]] std::vector<const Parameter<T>*> parameters() const;
  /// The parameter of this name; ConfigError ("model.parameter") if there is none.
  [[nodiscard]] Parameter<T>& parameter(std::string_view name);

  /// Gives the embedding, and a head of its own, another number of rows, rounded up to a multiple
  /// of `pad_to_multiple_of`. New rows are the mean of the old ones: transformers' mean_resizing
  /// draws around it with 1e-9 of the rows' covariance. Throws ConfigError ("config.range"), or
  /// "model.resize" when there are adapters, which have the old size.
  void resize_token_embeddings(Index vocab_size, Index pad_to_multiple_of = 1);

  // --- adapters (defined in adapters/model_adapters.ipp) ---

  /// Adds a new adapter and makes it the active one; the base is frozen from here on, also when the
  /// adapter is deleted again. `Config` is SoloConfig, LoraConfig, BitFitConfig or LayerNormConfig.
  /// Throws ConfigError, here and below leaving the model as it was.
  template <AdapterConfiguration Config>
  Adapter<T>& add_adapter(const std::string& name, const Config& config) {
    return add_adapter(name, make_adapter<T>(config, *this));
  }
  /// Adds one's own adapter. Throws ConfigError ("adapter.…") when it does not fit the model: links
  /// or layers that are not there, no trainable tensor, names that are empty or not unique.
  Adapter<T>& add_adapter(const std::string& name, std::unique_ptr<Adapter<T>> adapter);
  /// Reads an adapter folder; its adapter_config.json says which kind. It becomes the active one
  /// only if there is none. Before the first adapter the base is resized to what an adapter made on
  /// a resized base needs, if that holds all the new rows. Throws as read_adapter() in
  /// adapters/adapter_file.hpp.
  void load_adapter(const std::string& name, const std::filesystem::path& folder);
  /// Writes adapter_config.json and adapter_model.safetensors (float32).
  void save_adapter(std::string_view name, const std::filesystem::path& folder,
                    const SaveAdapterOptions& options = {}) const;
  /// The same as part of a larger result.
  void save_adapter(std::string_view name, AtomicFolder& files,
                    const SaveAdapterOptions& options = {}) const;
  /// If it was the active one, none is afterwards.
  void delete_adapter(std::string_view name);
  /// The adapter that is used, and trained, when nothing else is said.
  void set_adapter(std::string_view name);
  void disable_adapters() { enable_adapters(false); }
  void enable_adapters() { enable_adapters(true); }
  /// For the time of a generation, say: add, load, set, delete, enable, disable, merge, unmerge,
  /// resize, a training and moving the model throw ConfigError ("adapter.held").
  [[nodiscard]] AdapterHold hold_adapters() const {
    static_cast<void>(network());
    return guard_.hold();
  }
  /// The same for a training, which throws itself where the model is held already.
  [[nodiscard]] AdapterHold hold_for_training() {
    require_not_held("train");
    return hold_adapters();
  }
  [[nodiscard]] std::vector<std::string> adapter_names() const;
  /// The active adapter's name; empty if there is none or they are disabled.
  [[nodiscard]] std::string active_adapter() const;
  [[nodiscard]] Adapter<T>& adapter(std::string_view name);
  [[nodiscard]] const Adapter<T>& adapter(std::string_view name) const;
  /// Puts a LoRA adapter's deltas, and what it replaces, into the base weights, giving a tied head
  /// its own table where it no longer equals the embedding, and returns the largest |Δlogit|
  /// against the unmerged model on a fixed sequence; ConfigError ("adapter.merge") for what cannot
  /// be merged.
  float merge_adapter(std::string_view name);
  /// Restores the base weights, bit for bit.
  void unmerge_adapter(std::string_view name);

  /// What trains: the tensors of the active adapter, or of the base if none is active, that require
  /// gradients. No other tensor gets a gradient in loss(). Throws ConfigError ("adapter.merged")
  /// while an adapter is merged, as loss() does: it would train against changed base weights.
  [[nodiscard]] std::vector<Parameter<T>*> trainable_parameters();
  /// Elements of this adapter's trainable tensors.
  [[nodiscard]] Index trainable_parameter_count(std::string_view name) const;
  /// Elements of trainable_parameters().
  [[nodiscard]] Index trainable_parameter_count() const;
  /// Elements of the base, a tied head counted once.
  [[nodiscard]] Index parameter_count() const;

  // --- computing ---

  /// Next-token logits (T, vocabulary) of one sequence. Throws ShapeError for an empty or too long
  /// sequence and for ids beyond the vocabulary. (Templates, so that the matrix is made and freed
  /// by the caller's Eigen alone: how it allocates depends on the caller's -m flags.)
  template <class M = Matrix<T>>
  [[nodiscard]] M logits(std::span<const int> ids, const EvalOptions& options = {}) const {
    M result(static_cast<Index>(ids.size()), config_.vocab_size);
    write_logits(ids, {result.data(), result.rows(), result.cols()}, options);
    return result;
  }
  template <class M = Matrix<T>>
  [[nodiscard]] M logits(std::initializer_list<int> ids) const {
    return logits<M>(std::span<const int>(ids.begin(), ids.size()));
  }
  /// The same in memory of the caller's. Throws ShapeError ("shape.mismatch") unless `result` is
  /// (T, vocabulary).
  void write_logits(std::span<const int> ids, MatrixView<T> result,
                    const EvalOptions& options = {}) const;
  /// Mean cross-entropy of the batch's targets as a tape variable, adapters and gradients included.
  /// Throws ConfigError ("loss.labels") if nothing is scored. With `source` the blocks of its
  /// prefix, which must be frozen_prefix(), are not computed ("prefix.other" if it is another one,
  /// "prefix.dropout" with model_dropout).
  [[nodiscard]] Var<T> loss(Tape<T>& tape, const Batch& batch, const LossOptions& options = {},
                            PrefixSource<T>* source = nullptr);
  /// The blocks below the active adapter's lowest place; without one, below the lowest tensor of
  /// the base that trains.
  [[nodiscard]] FrozenPrefix frozen_prefix() const;
  /// What a PrefixSource gives, computed; `tape` is emptied.
  void prefix_outputs(Tape<T>& tape, const Batch& batch, const FrozenPrefix& prefix,
                      std::span<const MatrixView<T>> outputs) const;
  /// Sums of one batch without gradients: loss is the mean over its scored tokens.
  [[nodiscard]] Score score(const Batch& batch, const EvalOptions& options = {}) const;
  /// Cross-entropy of a data set, mean over its scored tokens.
  [[nodiscard]] Score score(const Dataset& data, const EvalOptions& options = {}) const;

  /// Runs the batch through the model, without dropout, and calls `observer` for each link of the
  /// active adapter, in the order in which they act. Meanwhile the adapters are held.
  void observe_links(const Batch& batch, const LinkObserver<T>& observer) const;

  /// Logits of the last row of each segment (segments, vocabulary), the keys and values taken from
  /// and appended to `cache`; segment i continues sequence sequences[i]. The result is the cache's
  /// and lives until the next pass with it. Warm passes allocate nothing: see
  /// KeyValueCache::prepare(). Throws ConfigError ("cache.config") for a cache of another model's
  /// sizes, ShapeError ("cache.sequence") for a sequence that it lacks or that is there twice,
  /// ("batch.segments") for a segment that does not continue its sequence.
  MatrixView<T> next_logits(const Batch& batch, KeyValueCache<T>& cache,
                            std::span<const Index> sequences,
                            const AdapterChoice& adapter = {}) const;

 private:
  struct Slot {  // an adapter and where it plugs in
    std::string name;
    std::unique_ptr<Adapter<T>> adapter;
    ActiveHooks<T> hooks;
    bool merged = false;
    std::vector<std::pair<Parameter<T>*, Tensor<T>>> unmerged;  // base weights before merge_adapter
    bool untied = false;  // merge_adapter gave the tied head a table of its own
  };

  struct Uninitialised {};
  GPT2(const GPT2Config& config, const ModelOptions& options, Uninitialised tag);

  void check_input(const Batch& batch) const;
  void require_prefix(const FrozenPrefix& prefix) const;
  void check_continues(const Batch& batch, KeyValueCache<T>& cache,
                       std::span<const Index> sequences) const;
  /// Logits of the rows of the last block's output h.
  void head_logits(const ForwardContext<T>& context, const Var<T>& h, MatrixView<T> result) const;
  /// ConfigError ("model.moved") for a model without weights.
  [[nodiscard]] Network<T>& network() const {
    if (network_ == nullptr) {
      fail<ConfigError>("model.moved", "the model has been moved from: it has no weights");
    }
    return *network_;
  }
  /// The adapter that acts when nothing is said, or null.
  [[nodiscard]] Slot* active_slot() const {
    static_cast<void>(network());  // a model that was moved from has kept the pointer
    return adapters_enabled_ ? active_ : nullptr;
  }
  [[nodiscard]] Slot* find_slot(std::string_view name) const;
  [[nodiscard]] Slot& require_slot(std::string_view name) const;
  [[nodiscard]] const ActiveHooks<T>& hooks(const AdapterChoice& choice) const;
  void connect(Slot& slot);
  void freeze_base();
  void check_new_name(std::string_view name) const;
  void require_not_held(std::string_view call) const { guard_.require_not_held(call); }
  void enable_adapters(bool enabled);
  Slot& insert(const std::string& name, std::unique_ptr<Adapter<T>> adapter);
  void require_unmerged(const Slot* allowed) const;
  void untie_head();
  void tie_head();
  void restore_base(Slot& slot);

  detail::ModelGuard guard_;  // first, see there
  GPT2Config config_;
  std::string name_or_path_;
  std::vector<int> eos_token_ids_;
  GenerationConfig generation_config_;
  std::shared_ptr<ThreadPool> pool_;
  std::unique_ptr<Network<T>> network_;
  std::vector<std::unique_ptr<Slot>> slots_;
  Slot* active_ = nullptr;
  ActiveHooks<T> no_hooks_;
  bool adapters_enabled_ = true;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/nn/gpt2.ipp>        // IWYU pragma: keep
#include <solo/nn/pretrained.ipp>  // IWYU pragma: keep
#include <solo/nn/resize.ipp>      // IWYU pragma: keep
#endif
