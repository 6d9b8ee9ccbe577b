// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/model_adapters.hpp>
#include <solo/core/config.hpp>
#include <solo/core/error.hpp>
#include <solo/io/checksum.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/kernels/table.hpp>
#include <solo/train/evaluation_history.hpp>
#include <solo/train/run_identity.hpp>
#include <solo/train/train_json.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Options that change no number of the steps.
inline constexpr std::array<std::string_view, 15> kHarmlessOptions = {"epochs",
                                                                      "max_steps",
                                                                      "logging_steps",
                                                                      "eval_steps",
                                                                      "eval_on_start",
                                                                      "eval_batch_size",
                                                                      "save_steps",
                                                                      "save_total_limit",
                                                                      "early_stopping",
                                                                      "load_best_model_at_end",
                                                                      "warmup_steps",
                                                                      "prefix_cache",
                                                                      "prefix_cache_dtype",
                                                                      "prefix_cache_max_bytes",
                                                                      "gradient_checkpointing"};

template <class Element>
void add_list(Checksum& checksum, const std::vector<Element>& list) {
  const auto size = static_cast<std::uint64_t>(list.size());
  checksum.update(std::as_bytes(std::span(&size, 1)));
  checksum.update(std::as_bytes(std::span(list)));
}

}  // namespace detail

SOLO_INLINE std::string fingerprint(const Dataset& data) {
  Checksum checksum;
  for (Index i = 0; i < data.size(); ++i) {
    const Example& example = data[i];
    detail::add_list(checksum, example.ids);
    detail::add_list(checksum, example.labels);
    checksum.update(std::as_bytes(std::span(&example.context_length, 1)));
  }
  return checksum.digits();
}

template <Scalar T>
std::string frozen_fingerprint(GPT2<T>& model) {
  const bool all = model.active_adapter().empty();
  Checksum checksum;
  std::vector<T> row;
  for (const Parameter<T>* p : model.parameters()) {
    if (all && p->requires_grad()) continue;
    checksum.update(concat(p->name(), ' ', to_string(p->shape()), '\n'));
    const Operand<T> x = p->operand();
    row.resize(static_cast<std::size_t>(x.cols));
    for (Index i = 0; i < x.rows; ++i) {
      x.copy_row(i, row.data());
      checksum.update(std::as_bytes(std::span(row)));
    }
  }
  return checksum.digits();
}

template <Scalar T>
std::string storage_of_base(GPT2<T>& model) {
  const std::vector<Parameter<T>*> all = model.parameters();
  const bool rounded =
      std::any_of(all.begin(), all.end(), [](const auto* p) { return p->is_bfloat16(); });
  return rounded ? "bfloat16" : "full";
}

SOLO_INLINE std::string computed_by() {
  return concat("version ", SOLO_VERSION_STRING, " on ", to_string(active_isa()));
}

template <Scalar T>
std::string run_identity(const RunParts<T>& parts) {
  Json run = detail::to_json(parts.options);
  for (const std::string_view name : detail::kHarmlessOptions) run.erase(std::string(name));
  // As in runs of versions that knew no other.
  if (parts.options.optimizer == AdamWVariant::torch) run.erase("optimizer");
  const bool plain = parts.options.recipe == Recipe::none;
  if (plain) run.erase("recipe");
  const bool warms_up = parts.options.lr_scheduler != LrScheduler::constant || !plain;
  if (warms_up) run["warmup_steps"] = parts.options.warmup_steps;
  const PrefixCacheOptions& cache = parts.options.prefix_cache;
  if (cache.mode != PrefixCacheMode::off && cache.dtype == DType::bfloat16) {
    run["prefix_cache_dtype"] = "bfloat16";  // one in full changes nothing
  }
  run[detail::kEvaluationKey] = Json::array({detail::evaluation_of(parts.options)});
  run["scalar"] = std::is_same_v<T, double> ? "float64" : "float32";
  run["config"] = parse_json(parts.model.config().to_json(), "config");
  const std::string adapter = parts.model.active_adapter();
  run["adapter_config"] =
      adapter.empty() ? Json(nullptr)
                      : parse_json(parts.model.adapter(adapter).config_json(""), "adapter_config");
  // Which parts of c_attn train, which the configuration cannot say.
  run["adapter_metadata"] =
      adapter.empty() ? Json(nullptr) : Json(parts.model.adapter(adapter).metadata());
  run["dtype"] = storage_of_base(parts.model);
  run["base_fingerprint"] = frozen_fingerprint(parts.model);
  run["train_data_fingerprint"] = fingerprint(parts.train);
  run["valid_data_fingerprint"] =
      parts.valid == nullptr ? Json(nullptr) : Json(fingerprint(*parts.valid));
  return dump_line(run);
}

namespace detail {

[[noreturn]] SOLO_INLINE void refuse_run(const std::string& where, const Json* stored,
                                         const Json* expected) {
  fail<ConfigError>(
      "checkpoint.run", where, ": the checkpoint's run has ",
      stored == nullptr ? "none" : describe(*stored), ", this run ",
      expected == nullptr ? "none" : describe(*expected),
      "; a run goes on with the same (epochs and max_steps may differ): give that, or "
      "start anew in another folder");
}

SOLO_INLINE void require_equal(const Json& stored, const Json& expected, const std::string& where,
                               bool nested) {
  const auto path = [&](const std::string& key) {
    return concat(where, nested ? "." : ": ", printable(key));
  };
  for (const auto& [key, value] : expected.items()) {
    const auto other = stored.find(key);
    if (other == stored.end()) refuse_run(path(key), nullptr, &value);
    if (*other == value) continue;
    if (other->is_object() && value.is_object()) {
      require_equal(*other, value, path(key), true);
    }
    refuse_run(path(key), &*other, &value);
  }
  for (const auto& [key, value] : stored.items()) {
    if (!expected.contains(key)) refuse_run(path(key), &value, nullptr);
  }
}

}  // namespace detail

SOLO_INLINE void require_same_run(const std::string& stored, const std::string& expected,
                                  const std::string& source) {
  Json json = parse_json(stored, concat(source, ": run"));
  if (!json.is_object()) {
    fail<FormatError>("json.type", source, ": run: expected an object, found ", describe(json));
  }
  Json own = parse_json(expected, "this run");
  for (Json* const run : {&json, &own}) run->erase(detail::kEvaluationKey);
  detail::require_equal(json, own, source, false);
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                             \
  template std::string frozen_fingerprint<T>(GPT2<T>&); \
  template std::string storage_of_base<T>(GPT2<T>&);    \
  template std::string run_identity<T>(const RunParts<T>&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
