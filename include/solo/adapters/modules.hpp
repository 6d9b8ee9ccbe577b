// SPDX-License-Identifier: MIT
/// @file
/// The modules of GPT-2 by their Hugging Face names, and how configurations choose among them.
#pragma once

#include <solo/adapters/module_pattern.hpp>
#include <solo/core/scalar.hpp>
#include <solo/nn/gpt2_config.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A choice of modules as peft's target_modules: a list of names, each a whole name or the end of
/// one after a dot ("c_attn", "attn.c_proj", "transformer.h.0.mlp.c_fc"), or one regular expression
/// that matches whole names.
class ModuleNames {
 public:
  ModuleNames() = default;
  ModuleNames(std::initializer_list<std::string> names) : names_(names) {}
  ModuleNames(std::vector<std::string> names)  // NOLINT(google-explicit-constructor)
      : names_(std::move(names)) {}
  [[nodiscard]] static ModuleNames regex(std::string expression) {
    ModuleNames result;
    result.expression_ = std::move(expression);
    return result;
  }

  [[nodiscard]] bool empty() const noexcept { return !expression_ && names_.empty(); }
  [[nodiscard]] bool is_regex() const noexcept { return expression_.has_value(); }
  /// The expression; empty for a list.
  [[nodiscard]] std::string expression() const { return expression_.value_or(""); }
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  bool operator==(const ModuleNames&) const = default;

 private:
  std::vector<std::string> names_;
  std::optional<std::string> expression_;
};

namespace detail {

/// Whether the list entry is `name` or its end after a dot.
[[nodiscard]] bool names_module(std::string_view entry, std::string_view name);

/// A ModuleNames made ready; `field` names the configuration field in errors.
class ModuleMatcher {
 public:
  ModuleMatcher(const ModuleNames& modules, std::string_view field);
  [[nodiscard]] bool matches(std::string_view name) const;

 private:
  std::vector<std::string> names_;
  std::optional<ModulePattern> pattern_;
};

/// A parameter of the base: its module ("transformer.h.0.ln_1"), its own name ("weight"), shape.
struct BaseTensor {
  std::string module;
  std::string parameter;
  std::vector<Index> shape;

  /// "transformer.h.0.ln_1.weight".
  [[nodiscard]] std::string full_name() const { return module + '.' + parameter; }
  /// "h.0.ln_1.weight", the name in GPT2::parameters.
  [[nodiscard]] std::string base_name() const;
};
/// The base's parameters, a tied head as "lm_head.weight" too.
[[nodiscard]] std::vector<BaseTensor> base_tensors(const GPT2Config& config);
/// Every module of transformers' GPT2LMHeadModel, in its order.
[[nodiscard]] std::vector<std::string> module_names(const GPT2Config& config);

/// The text with A to Z as a to z.
[[nodiscard]] std::string lower_ascii(std::string text);
/// Throws ConfigError ("config.size") when matching `work` characters of names, or states of
/// expressions, against `modules` modules would take too long or too much memory.
void check_matching_work(std::string_view field, std::size_t work, std::size_t modules);
/// Characters of the names or of the expression.
[[nodiscard]] std::size_t characters(const ModuleNames& modules);
/// "['a', 'b']" or "'expression'", for messages.
[[nodiscard]] std::string describe_modules(const ModuleNames& modules);

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/modules.ipp>  // IWYU pragma: keep
#endif
