// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/known_value.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/io/file.hpp>
#include <solo/io/foreign_file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/io/tensor_store.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/nn/gpt2.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Saved by transformers with the language-model head; the hub's own files lack it.
inline constexpr std::string_view kTransformerPrefix = "transformer.";
inline constexpr std::string_view kHeadName = "lm_head.weight";

/// Causal-mask buffers of old files: h.{i}.attn.bias and h.{i}.attn.masked_bias.
[[nodiscard]] inline bool is_legacy_mask(std::string_view name) {
  if (!name.starts_with("h.")) return false;
  const std::size_t dot = name.find('.', 2);
  if (dot == std::string_view::npos) return false;
  const std::string_view layer = name.substr(2, dot - 2);
  const std::string_view rest = name.substr(dot + 1);
  return !layer.empty() && layer.find_first_not_of("0123456789") == std::string_view::npos &&
         (rest == "attn.bias" || rest == "attn.masked_bias");
}

/// Names and shapes of the base's tensors without the head, known from the configuration alone.
[[nodiscard]] inline std::vector<std::pair<std::string, std::vector<Index>>> expected_tensors(
    const GPT2Config& config) {
  const Index d = config.n_embd;
  const Index inner = config.inner();
  std::vector<std::pair<std::string, std::vector<Index>>> all = {
      {"wte.weight", {config.vocab_size, d}}, {"wpe.weight", {config.n_positions, d}}};
  const auto add = [&all](const std::string& name, std::vector<Index> weight, Index bias) {
    all.emplace_back(name + ".weight", std::move(weight));
    all.emplace_back(name + ".bias", std::vector<Index>{bias});
  };
  for (Index i = 0; i < config.n_layer; ++i) {
    const std::string block = concat("h.", i, '.');
    add(block + "ln_1", {d}, d);
    add(block + "attn.c_attn", {d, 3 * d}, 3 * d);
    add(block + "attn.c_proj", {d, d}, d);
    add(block + "ln_2", {d}, d);
    add(block + "mlp.c_fc", {d, inner}, inner);
    add(block + "mlp.c_proj", {inner, d}, d);
  }
  add("ln_f", {d}, d);
  return all;
}

/// Where the tensors' metadata have what config.json said that shapes cannot show.
inline constexpr const char* kSavedModelKey = "solo_config";

[[nodiscard]] inline Json unseen_fields(const GPT2Config& config) {
  const Json all = parse_json(config.to_json(), "config.json");
  Json fields = Json::object();
  for (const char* const key : {"activation_function", "layer_norm_epsilon", "n_head",
                                "scale_attn_by_inverse_layer_idx", "scale_attn_weights"}) {
    fields[key] = all.at(key);
  }
  return fields;
}

/// Throws unless the tensors were saved with this configuration, where they say it.
inline void require_own_config(const TensorStore& store, const GPT2Config& config,
                               const std::string& config_name) {
  const Json found = unseen_fields(config);
  for (const SafetensorsFile& file : store.files()) {
    const auto stored = file.metadata().find(kSavedModelKey);
    if (stored == file.metadata().end()) continue;
    const Json saved = parse_json(stored->second, concat(file.name(), ": ", kSavedModelKey));
    if (!saved.is_object()) {
      fail<FormatError>("json.type", file.name(), ": ", kSavedModelKey, ": expected an object");
    }
    for (const auto& [key, value] : found.items()) {
      const auto was = saved.find(key);
      if (was == saved.end() || *was == value) continue;
      fail<FormatError>("model.mixed", config_name, ": ", key, " is ", describe(value), ", but ",
                        file.name(), " was saved with ", describe(*was),
                        ": the two files are not of one model; take both from one (or save the "
                        "model anew, if the configuration was changed on purpose)");
    }
  }
}

/// The tensors of a folder under the names of the hub's files, checked against the configuration.
class BaseTensors {
 public:
  BaseTensors(const std::filesystem::path& folder, const GPT2Config& config)
      : config_name_(display_name(folder / "config.json")), store_(TensorStore::open(folder)) {
    require_own_config(store_, config, config_name_);
    find_prefix();
    head_only_ = config.tie_word_embeddings && store_.find(file_name("wte.weight")) == nullptr &&
                 store_.find(file_name(kHeadName)) != nullptr;
    std::vector<std::string> missing;
    std::vector<std::string> known;
    for (const auto& [name, shape] : expected_tensors(config)) {
      known.push_back(file_name(name));
      if (store_.find(known.back()) == nullptr) {
        refuse_other_prefix(name);
        missing.push_back(known.back());
      } else {
        check_shape(name, shape);
      }
    }
    if (!missing.empty()) {
      fail<FormatError>("model.missing", store_.name(), ": lacks ", missing.size(),
                        " tensors that ", config_name_, " asks for: ", name_list(missing));
    }
    if (has_head()) check_shape(kHeadName, {config.vocab_size, config.n_embd});
    if (!has_head() && !config.tie_word_embeddings) {
      fail<FormatError>("model.missing", store_.name(), ": lacks ", quoted(kHeadName), ", though ",
                        config_name_, " says tie_word_embeddings false");
    }
    reject_extra(std::move(known));
  }

  /// Whether the file has a head apart from the embedding.
  [[nodiscard]] bool has_head() const {
    return !head_only_ && store_.find(file_name(kHeadName)) != nullptr;
  }

  /// Fills a parameter; a matrix of products is packed, in full or as bfloat16, on the way.
  template <Scalar T>
  void read(Parameter<T>& p, DType stored_as, ThreadPool& pool) const {
    const TensorStore::Entry& entry = store_.at(file_name(p.name()));
    if (stored_as == DType::bfloat16) p.set_requires_grad(false);
    if (p.pack_order() == PackOrder::none) {
      entry.file->read(*entry.info, p.value().span());
      return;
    }
    PackedMatrix<T> packed = p.new_packed(stored_as == DType::bfloat16);
    const Index rows = p.shape().front();
    const Index cols = p.shape().back();
    // Pieces of whole panels and whole pairs of rows.
    const Index step = std::max(kPackedCols, kPieceElements / cols / kPackedCols * kPackedCols);
    pool.for_ranges((rows + step - 1) / step, [&](Index begin, Index end) {
      AlignedBuffer<T> buffer(checked_product(std::min(step, rows), cols));
      for (Index i = begin; i < end; ++i) {
        const Index first = i * step;
        const MatrixView<T> piece(buffer.data(), std::min(step, rows - first), cols);
        entry.file->read_part<T>(*entry.info, first * cols,
                                 {piece.data, static_cast<std::size_t>(piece.rows * cols)});
        if (packed.is_bfloat16()) require_bfloat16(piece, entry, first * cols);
        p.fill_packed(packed, first, piece);
      }
    });
    p.store_packed(std::move(packed));
  }

 private:
  static constexpr Index kPieceElements = Index{1} << 16;

  [[nodiscard]] std::string file_name(std::string_view name) const {
    if (head_only_ && name == "wte.weight") name = kHeadName;
    return name == kHeadName ? concat(wrapper_, name) : concat(wrapper_, prefix_, name);
  }

  template <Scalar T>
  static void require_bfloat16(MatrixView<T> piece, const TensorStore::Entry& entry, Index first) {
    for (Index i = 0; i < piece.rows * piece.cols; ++i) {
      if (fits_bfloat16(piece.data[i])) continue;
      fail<NumericError>("numeric.overflow", entry.file->name(), ": tensor ", quoted(entry.name()),
                         ": expected values that fit bfloat16, found ", piece.data[i],
                         " at element ", first + i);
    }
  }

  /// What stands before the names: "transformer." or nothing, and before that what torch.compile
  /// and DataParallel wrap a saved model in.
  void find_prefix() {
    constexpr std::string_view kAnchor = "wpe.weight";
    std::string other;
    bool found = false;
    for (const TensorStore::Entry& entry : store_.entries()) {
      std::string_view before = entry.name();
      if (!before.ends_with(kAnchor)) continue;
      before.remove_suffix(kAnchor.size());
      std::string_view inner = before;
      while (inner.starts_with("_orig_mod.") || inner.starts_with("module.")) {
        inner.remove_prefix(inner.find('.') + 1);
      }
      if (!inner.empty() && inner != kTransformerPrefix) {
        other = before;
        continue;
      }
      if (found) refuse_mixed(file_name(kAnchor), entry.name());
      wrapper_ = before.substr(0, before.size() - inner.size());
      prefix_ = inner;
      found = true;
    }
    if (found || other.empty()) return;
    fail<FormatError>("model.prefix", store_.name(), ": ", quoted(concat(other, kAnchor)),
                      ": expected names that begin with 'transformer.' or without a prefix, found ",
                      quoted(other), "; save the GPT-2 inside alone (its save_pretrained)");
  }

  [[noreturn]] void refuse_mixed(const std::string& one, const std::string& other) const {
    fail<FormatError>("model.prefix", store_.name(), ": ", quoted(one), " and ", quoted(other),
                      " have different prefixes; expected one for all tensors");
  }

  /// A name that the file has under another prefix than the others.
  void refuse_other_prefix(std::string_view name) const {
    for (const std::string_view prefix : {std::string_view(), kTransformerPrefix}) {
      const std::string other = concat(prefix, name);
      if (store_.find(other) != nullptr) refuse_mixed(file_name("wpe.weight"), other);
    }
  }

  void check_shape(std::string_view name, const std::vector<Index>& expected) const {
    const TensorStore::Entry& entry = store_.at(file_name(name));
    if (entry.info->shape == expected) return;
    fail<ShapeError>("model.shape", entry.file->name(), ": ", quoted(entry.name()), ": expected ",
                     to_string(expected), " from ", config_name_, ", found ",
                     to_string(entry.info->shape));
  }

  void reject_extra(std::vector<std::string> known) const {
    known.push_back(file_name(kHeadName));
    std::sort(known.begin(), known.end());
    std::vector<std::string> extra;
    for (const TensorStore::Entry& entry : store_.entries()) {
      const std::string before = concat(wrapper_, prefix_);
      const bool mask = entry.name().starts_with(before) &&
                        is_legacy_mask(std::string_view(entry.name()).substr(before.size()));
      if (!mask && !std::binary_search(known.begin(), known.end(), entry.name())) {
        extra.push_back(entry.name());
      }
    }
    if (!extra.empty()) {
      fail<FormatError>("model.extra", store_.name(), ": ", extra.size(),
                        " tensors are not part of the GPT-2 of ", config_name_, ": ",
                        name_list(extra),
                        "; save it without them (such as a classifier's or value "
                        "head), as GPT2LMHeadModel");
    }
  }

  std::string config_name_;
  TensorStore store_;
  std::string wrapper_;
  std::string prefix_;
  bool head_only_ = false;  ///< a tied matrix under the head's name alone
};

/// transformers loads an adapter that lies in a model's folder with the model. Without it the
/// numbers would be others.
inline void refuse_adapter_beside(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder / "config.json", error) ||
      !std::filesystem::exists(folder / "adapter_config.json", error)) {
    return;
  }
  fail<ConfigError>(
      "model.adapter", display_name(folder), ": holds a model and an adapter ",
      "(adapter_config.json), which transformers would use together; name the folder ",
      "as the adapter as well (--adapter), or move one of the two elsewhere");
}

}  // namespace detail

template <Scalar T>
GPT2<T> GPT2<T>::from_pretrained(const std::filesystem::path& folder, const ModelOptions& options) {
  if (!options.ignore_adapter) detail::refuse_adapter_beside(folder);
  GPT2Config config = GPT2Config::from_file(folder / "config.json");
  const detail::BaseTensors tensors(folder, config);
  // A head that is there but equal to wte is tied, unless the configuration says it is not.
  const bool separate = tensors.has_head();
  const bool tied = config.tie_word_embeddings;
  config.tie_word_embeddings = !separate;
  GPT2 model(config, options, Uninitialised{});
  for (Parameter<T>* p : model.parameters()) tensors.read(*p, options.frozen_dtype, *model.pool_);
  if (separate && tied && model.network_->head_equals_wte()) {
    model.network_->lm_head.reset();
    model.config_.tie_word_embeddings = true;
  }
  model.name_or_path_ = folder.string();
  model.eos_token_ids_ = detail::read_end_tokens(folder, config);
  model.generation_config_ = GenerationConfig::from_folder(folder);
  return model;
}

template <Scalar T>
void GPT2<T>::save_pretrained(const std::filesystem::path& folder,
                              const SaveOptions& options) const {
  static_cast<void>(network());  // before a folder is made, as the next
  detail::require_known("dtype", options.dtype, DType::bfloat16);
  AtomicFolder files(folder);
  save_pretrained(files, options);
  files.commit();
}

template <Scalar T>
void GPT2<T>::save_pretrained(AtomicFolder& files, const SaveOptions& options) const {
  std::vector<TensorRef> tensors;
  std::vector<Tensor<T>> unpacked;
  for (const Parameter<T>* p : parameters()) {
    TensorRef ref{.name = p->name(), .shape = p->shape()};
    if (ref.name != detail::kHeadName) ref.name.insert(0, detail::kTransformerPrefix);
    if (p->is_packed()) {
      Tensor<T>& to = unpacked.emplace_back(p->shape());
      p->operand().copy(to.data());
      ref.data = std::as_const(to).span();
    } else {
      ref.data = p->value().span();
    }
    tensors.push_back(std::move(ref));
  }
  Json generation = generation_config_.to_json();
  if (generation_config_.text.empty()) generation["_from_model_config"] = true;
  if (config_.bos_token_id >= 0) generation["bos_token_id"] = config_.bos_token_id;
  if (eos_token_ids_.size() == 1) generation["eos_token_id"] = eos_token_ids_.front();
  if (eos_token_ids_.size() > 1) generation["eos_token_id"] = eos_token_ids_;
  SafetensorsWriteOptions format;  // g++ 12 fails on a braced temporary here
  format.dtype = options.dtype;
  format.metadata.insert(options.metadata.begin(), options.metadata.end());
  format.metadata[detail::kSavedModelKey] = dump_line(detail::unseen_fields(config_));
  write_safetensors(files.add_essential("model.safetensors"), tensors, format);
  files.write("config.json", config_.to_json(to_string(options.dtype)) + '\n');
  files.write("generation_config.json", dump_sorted(generation) + '\n');
}

template <Scalar T>
void GPT2<T>::align_end_token(int token) {
  if (token < 0 || token >= config_.vocab_size) {
    fail<ConfigError>("config.range", "end token: expected 0 to ", config_.vocab_size - 1,
                      ", found ", token);
  }
  detail::align_end_tokens(token, config_, eos_token_ids_);
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                                       \
  template GPT2<T> GPT2<T>::from_pretrained(const std::filesystem::path&, const ModelOptions&);   \
  template void GPT2<T>::align_end_token(int);                                                    \
  template void GPT2<T>::save_pretrained(const std::filesystem::path&, const SaveOptions&) const; \
  template void GPT2<T>::save_pretrained(AtomicFolder&, const SaveOptions&) const
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
