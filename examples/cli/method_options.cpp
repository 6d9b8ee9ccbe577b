// SPDX-License-Identifier: MIT
#include "method_options.hpp"

#include <solo/io/json_fields.hpp>
#include <solo/train/lora_e2e.hpp>

#include "number_option.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>

namespace solo::cli {
namespace {

[[noreturn]] void refuse(const std::string& option, std::string_view expected,
                         std::string_view found) {
  throw UsageError(concat(option, ": expected ", expected, ", found ", quoted(found)));
}

template <class N>
N parse_number(const std::string& option, std::string_view text) {
  if constexpr (std::integral<N>) {
    return parse_whole<N>(option, text);
  } else {
    return parse_real(option, text);
  }
}
bool parse_bool(const std::string& option, std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  refuse(option, "true or false", text);
}

/// "0-4,2-6", or a pattern's name.
SoloLinks parse_links(const std::string& option, const std::string& text) {
  if (text.find('-') == std::string::npos) return parse_solo_links("links", text);
  std::vector<Link> links;
  for (const std::string& item : split_list(option, text)) {
    const std::size_t dash = item.find('-');
    if (dash == std::string::npos) refuse(option, "SRC-DST", item);
    links.push_back({parse_number<int>(option, item.substr(0, dash)),
                     parse_number<int>(option, item.substr(dash + 1))});
  }
  return SoloLinks(std::move(links));
}

/// all-linear, an expression, which has a character that no module's name has, or a list of names.
ModuleNames parse_modules(const std::string& option, const std::string& text) {
  const bool expression = text.find_first_of("*+?()[]{}|\\^$") != std::string::npos;
  if (expression || detail::lower_ascii(text) == "all-linear") return ModuleNames::regex(text);
  return split_list(option, text);
}

/// "none", "linear:T" or "cosine:T".
SoloGateSchedule parse_schedule(const std::string& option, const std::string& text) {
  const std::size_t colon = text.find(':');
  SoloGateSchedule schedule{
      .kind = parse_choice<SoloScheduleKind>("gate_schedule", text.substr(0, colon))};
  const bool needs_steps = schedule.kind != SoloScheduleKind::none;
  if (needs_steps != (colon != std::string::npos)) {
    refuse(option, "none, linear:STEPS or cosine:STEPS", text);
  }
  if (needs_steps) schedule.steps = parse_number<Index>(option, text.substr(colon + 1));
  return schedule;
}

/// "key=value,key=value" in order.
template <class N>
std::vector<std::pair<std::string, N>> parse_pattern(const std::string& option,
                                                     const std::string& text) {
  std::vector<std::pair<std::string, N>> pattern;
  for (const std::string& item : split_list(option, text)) {
    const std::size_t equals = item.rfind('=');
    if (equals == std::string::npos || equals == 0) refuse(option, "KEY=VALUE", item);
    pattern.emplace_back(item.substr(0, equals), parse_number<N>(option, item.substr(equals + 1)));
  }
  return pattern;
}

/// The type of an option with these choices.
template <class E>
std::string choices() {
  std::string type = "TEXT:{";
  for (const std::string_view name : kEnumNames<E>) {
    if (type.back() != '{') type += ',';
    type += name;
  }
  return type + '}';
}

/// One option: what it does to the configurations that have it.
struct Field {
  std::string name;
  std::string help;
  std::string type;  // as --help shows it and --config reads it; empty: a flag
  void (*solo)(SoloConfig& config, const std::string& option, const std::string& text) = nullptr;
  void (*lora)(LoraConfig& config, const std::string& option, const std::string& text) = nullptr;
};

using S = SoloConfig;
using L = LoraConfig;
using Text = const std::string;

/// In the order they are applied: a preset first. One table, longer than a function should be.
const std::vector<Field>& fields() {  // NOLINT(readability-function-size)
  static const std::vector<Field> list = {
      {"--preset", "solo: a published configuration, such as solo-59", "TEXT",
       [](S& c, Text&, Text& t) { c = SoloConfig::preset(t); }},
      {"--rank", "rank", "INT", [](S& c, Text& o, Text& t) { c.r = parse_number<Index>(o, t); },
       [](L& c, Text& o, Text& t) { c.r = parse_number<Index>(o, t); }},
      {"--dropout", "the adapter's dropout", "FLOAT",
       [](S& c, Text& o, Text& t) { c.dropout = parse_number<double>(o, t); },
       [](L& c, Text& o, Text& t) { c.lora_dropout = parse_number<double>(o, t); }},
      {"--bias", "solo: whether maps have biases; lora: none, all or lora_only", "BOOL|TEXT",
       [](S& c, Text& o, Text& t) { c.bias = parse_bool(o, t); },
       [](L& c, Text&, Text& t) { c.bias = lora_bias_from(t); }},
      {"--links", "solo: stride, last, mirror, self or such as 0-4,2-6", "LIST",
       [](S& c, Text& o, Text& t) { c.links = parse_links(o, t); }},
      {"--stride", "solo: distance between linked block outputs", "INT",
       [](S& c, Text& o, Text& t) { c.stride = parse_number<Index>(o, t); }},
      {"--first", "solo: first destination of the stride links", "INT",
       [](S& c, Text& o, Text& t) { c.first = parse_number<Index>(o, t); }},
      {"--share", "solo: one pair of maps for all links, or one for each", choices<SoloShare>(),
       [](S& c, Text&, Text& t) { c.share = parse_choice<SoloShare>("share", t); }},
      {"--map", "solo: what a link computes", choices<SoloMap>(),
       [](S& c, Text&, Text& t) { c.map = parse_choice<SoloMap>("map", t); }},
      {"--factors", "solo: which of the maps train", choices<SoloFactors>(),
       [](S& c, Text&, Text& t) { c.factors = parse_choice<SoloFactors>("factors", t); }},
      {"--taps", "solo: how many tokens a link looks at, its own and those before (1)", "INT",
       [](S& c, Text& o, Text& t) { c.taps = parse_number<Index>(o, t); }},
      {"--use-e", "solo: the vector e inside a link", "BOOL",
       [](S& c, Text& o, Text& t) { c.use_e = parse_bool(o, t); }},
      {"--use-v", "solo: the vector v at the end of a link", "BOOL",
       [](S& c, Text& o, Text& t) { c.use_v = parse_bool(o, t); }},
      {"--gate", "solo: the gate's value, from its stored number", choices<SoloGate>(),
       [](S& c, Text&, Text& t) { c.gate = parse_choice<SoloGate>("gate", t); }},
      {"--gate-scope", "solo: a gate for each link, or one for all", choices<SoloGateScope>(),
       [](S& c, Text&, Text& t) { c.gate_scope = parse_choice<SoloGateScope>("gate_scope", t); }},
      {"--gate-init", "solo: the stored gate number", "FLOAT",
       [](S& c, Text& o, Text& t) { c.gate_init = parse_number<double>(o, t); }},
      {"--gate-schedule", "solo: none, linear:STEPS or cosine:STEPS", "TEXT",
       [](S& c, Text& o, Text& t) { c.gate_schedule = parse_schedule(o, t); }},
      {"--init", "solo: v = 0 and random maps, or v = 1 and up = 0", choices<SoloInit>(),
       [](S& c, Text&, Text& t) { c.init = parse_choice<SoloInit>("init", t); }},
      {"--norm", "solo: of the source of a link", choices<SoloNorm>(),
       [](S& c, Text&, Text& t) { c.norm = parse_choice<SoloNorm>("norm", t); }},
      {"--activation", "solo: inside a link", choices<Activation>(),
       [](S& c, Text&, Text& t) { c.activation = parse_choice<Activation>("activation", t); }},
      {"--source", "solo: block outputs after or before their correction", choices<SoloSource>(),
       [](S& c, Text&, Text& t) { c.source = parse_choice<SoloSource>("source", t); }},
      {"--scale", "solo: factor of every link", "FLOAT",
       [](S& c, Text& o, Text& t) { c.scale = parse_number<double>(o, t); }},
      {"--lora-alpha", "lora: alpha; the scale is alpha / rank", "FLOAT", nullptr,
       [](L& c, Text& o, Text& t) { c.lora_alpha = parse_number<double>(o, t); }},
      {"--target-modules",
       "lora: module names (such as c_attn, wte; c_attn.q, .k, .v are parts), all-linear or a "
       "regex",
       "LIST", nullptr, [](L& c, Text& o, Text& t) { c.target_modules = parse_modules(o, t); }},
      {"--exclude-modules", "lora: module names or a regular expression", "LIST", nullptr,
       [](L& c, Text& o, Text& t) { c.exclude_modules = parse_modules(o, t); }},
      {"--rank-pattern", "lora: ranks of modules, such as c_fc=4,h.0.attn.c_attn=16", "LIST",
       nullptr, [](L& c, Text& o, Text& t) { c.rank_pattern = parse_pattern<Index>(o, t); }},
      {"--alpha-pattern", "lora: alphas of modules, such as c_fc=16", "LIST", nullptr,
       [](L& c, Text& o, Text& t) { c.alpha_pattern = parse_pattern<double>(o, t); }},
      {"--layers-to-transform", "lora: block numbers, from 0", "LIST", nullptr,
       [](L& c, Text& o, Text& t) {
         for (Text& item : split_list(o, t))
           c.layers_to_transform.push_back(parse_number<Index>(o, item));
       }},
      {"--modules-to-save", "lora: modules that train in full", "LIST", nullptr,
       [](L& c, Text& o, Text& t) { c.modules_to_save = split_list(o, t); }},
      {"--trainable-token-indices",
       "lora: tokens whose rows of wte train, such as 50257,50258; added: those of --add-tokens",
       "LIST", nullptr,
       [](L& c, Text& o, Text& t) {
         std::vector<Index> ids;
         for (Text& item : t == "added" ? std::vector<std::string>{} : split_list(o, t)) {
           ids.push_back(parse_number<Index>(o, item));
         }
         c.trainable_token_indices = {{"wte", std::move(ids)}};
       }},
      {"--rslora", "lora: scale by alpha / sqrt(rank)", "", nullptr,
       [](L& c, Text& o, Text& t) { c.use_rslora = parse_bool(o, t); }},
      {"--dora", "lora: weight-decomposed (DoRA)", "", nullptr,
       [](L& c, Text& o, Text& t) { c.use_dora = parse_bool(o, t); }},
      {"--equal-init", "lora: all blocks begin with the same A, as in LoRA's code", "BOOL", nullptr,
       [](L& c, Text& o, Text& t) { c.equal_init = parse_bool(o, t); }},
      {"--lora-bias", "lora: a bias in B", "", nullptr,
       [](L& c, Text& o, Text& t) { c.lora_bias = parse_bool(o, t); }},
  };
  return list;
}

std::string json_text(const MethodConfig& config) {
  return std::visit(
      [](const auto& c) -> std::string {
        if constexpr (std::is_same_v<decltype(c), const std::monostate&>) {
          return {};
        } else {
          return c.to_json("");
        }
      },
      config);
}

/// A configuration's default as --help shows it; empty when there is none.
std::string default_of(const Json& config, const std::string& key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null() || found->is_object()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return dump_line(*found);
  return CLI::detail::join(found->get<std::vector<std::string>>(), ",");
}

/// The default of a field, from the configurations themselves.
std::string default_text(const Field& field) {
  std::string key = field.name.substr(2);
  std::replace(key.begin(), key.end(), '-', '_');
  if (key == "rank") key = "r";
  std::string solo;
  std::string lora;
  if (field.solo != nullptr) solo = default_of(parse_json(SoloConfig{}.to_json(""), ""), key);
  if (key == "dropout") key = "lora_dropout";
  if (field.lora != nullptr) lora = default_of(parse_json(LoraConfig{}.to_json(""), ""), key);
  if (solo.empty() || lora.empty() || solo == lora) return solo.empty() ? lora : solo;
  return concat("solo ", solo, ", lora ", lora);
}

/// The configuration an adapter of parts of c_attn was made with, from that of its file.
MethodConfig as_made(MethodConfig config, const std::vector<std::string>& parts) {
  auto* const lora = std::get_if<LoraConfig>(&config);
  if (lora == nullptr || parts.empty()) return config;
  const auto count = static_cast<Index>(parts.size());
  const auto n = static_cast<double>(count);
  lora->target_modules = parts;
  lora->r /= count;
  lora->lora_alpha /= lora->use_rslora ? std::sqrt(n) : n;
  return config;
}

/// Applies one option. False if the configuration does not have it.
bool apply(const Field& field, MethodConfig& config, const std::string& text) {
  if (auto* const solo = std::get_if<SoloConfig>(&config); solo != nullptr && field.solo) {
    field.solo(*solo, field.name, text);
    return true;
  }
  if (auto* const lora = std::get_if<LoraConfig>(&config); lora != nullptr && field.lora) {
    field.lora(*lora, field.name, text);
    return true;
  }
  // Methods without dropout accept none of it.
  return field.name == "--dropout" && parse_number<double>(field.name, text) == 0.0;
}

}  // namespace

MethodOptions::MethodOptions(CLI::App& app) {
  app.add_option("--method", method_, "what trains")
      ->required()
      ->check(CLI::IsMember({"solo", "lora", "full", "bitfit", "ln_tuning"}));
  app.add_option("--recipe", recipe_,
                 "whose training and adapter: options given as well win. lora-e2e: LoRA's on E2E")
      ->check(CLI::IsMember({"none", "lora-e2e"}))
      ->capture_default_str();
  for (const Field& field : fields()) {
    const auto store = [this, name = field.name](const std::string& text) { values_[name] = text; };
    CLI::Option* option = nullptr;
    if (field.type.empty()) {
      option = app.add_flag_callback(
          field.name, [store] { store("true"); }, field.help);
    } else {
      const bool two = field.name == "--dropout";
      option = app.add_option_function<std::string>(
                      two ? field.name + ",--lora-dropout" : field.name, store, field.help)
                   ->type_name(field.type)
                   ->default_str(default_text(field));
    }
    option->group("Configuration of the adapter");
  }
}

std::string MethodOptions::given(const std::string& option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::string() : found->second;
}

std::vector<std::string> trained_parts(const std::filesystem::path& folder) {
  const std::map<std::string, std::string> metadata = read_adapter_metadata(folder);
  if (const auto parts = metadata.find(std::string(LoraConfig::kPartsKey));
      parts != metadata.end()) {
    return split_list("target_modules", parts->second);
  }
  if (metadata.contains(detail::kSavedConfigKey)) return {};
  const std::filesystem::path file = folder / "training_args.json";
  if (!std::filesystem::exists(file)) return {};
  const Json json = read_json_file(file);
  const JsonFields source(json, display_name(file));
  const std::string targets = source.string_or("target_modules", "");
  if (targets.find("c_attn.") == std::string::npos) return {};
  return parse_modules("target_modules", targets).names();
}

MethodConfig MethodOptions::config() const {
  MethodConfig config;
  if (method_ == "solo") config = SoloConfig{};
  if (method_ == "lora") {
    config = recipe() == Recipe::lora_e2e ? lora_e2e_adapter() : LoraConfig{};
  }
  if (method_ == "bitfit") config = BitFitConfig{};
  if (method_ == "ln_tuning") config = LayerNormConfig{};
  for (const Field& field : fields()) {
    const auto found = values_.find(field.name);
    if (found != values_.end() && !apply(field, config, found->second)) {
      throw UsageError(concat(field.name, " ", found->second, " is not for --method ", method_));
    }
  }
  return config;
}

MethodConfig MethodOptions::config_of(const std::filesystem::path& folder) const {
  const std::map<std::string, std::string> types = {
      {"solo", "SOLO"}, {"lora", "LORA"}, {"bitfit", "BITFIT"}, {"ln_tuning", "LN_TUNING"}};
  const std::filesystem::path file = folder / kAdapterConfigFile;
  const std::string found = read_peft_type(folder);
  const auto wanted = types.find(method_);
  if (wanted == types.end() || wanted->second != found) {
    fail<ConfigError>("config.adapter", display_name(file), ": peft_type ", quoted(found),
                      " is not what --method ", method_, " trains");
  }
  const Json json = read_json_file(file);
  const JsonFields source(json, display_name(file));
  MethodConfig config;
  if (found == "SOLO") config = SoloConfig::from_json(source);
  if (found == "LORA") {
    LoraConfig lora = LoraConfig::from_json(source);
    lora.see_tensors(adapter_tensor_names(folder, LoraConfig::kFilePrefix));
    config = std::move(lora);
  }
  if (found == "BITFIT") config = BitFitConfig::from_json(source);
  if (found == "LN_TUNING") config = LayerNormConfig::from_json(source);
  const MethodConfig made = as_made(config, trained_parts(folder));
  for (const Field& field : fields()) {
    const auto value = values_.find(field.name);
    if (value == values_.end()) continue;
    MethodConfig changed = made;
    if (!apply(field, changed, value->second)) {
      throw UsageError(concat(field.name, " is not for --method ", method_));
    }
    if (field.name == "--dropout") {
      apply(field, config, value->second);
    } else if (json_text(changed) != json_text(made)) {
      fail<ConfigError>("config.adapter", field.name, ' ', quoted(value->second),
                        " differs from what ", display_name(file), " says");
    }
  }
  return config;
}

}  // namespace solo::cli
