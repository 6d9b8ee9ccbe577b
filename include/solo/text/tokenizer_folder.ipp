// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/text/tokenizer_folder.hpp>
#include <solo/text/tokenizer_json.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// The special tokens that have names, in the order in which new ones get ids.
inline constexpr std::array<std::string_view, 7> kSpecialTokenNames = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

/// Reads one folder, step by step.
class TokenizerFolder {
 public:
  explicit TokenizerFolder(const std::filesystem::path& dir)
      : dir_(dir), config_name_(display_name(dir / "tokenizer_config.json")) {}
  [[nodiscard]] TokenizerParts read();

 private:
  /// A token with the beginning of messages about it.
  struct Placed {
    AddedToken token;
    std::string where;
    bool bare = false;  ///< said by its content alone
    bool operator==(const Placed& other) const {
      return token == other.token && bare == other.bare;
    }
  };

  [[nodiscard]] Json read_optional(std::string_view name) const;
  void check_class();
  void read_vocabulary();
  void compare_with_pair();
  void merge_special_tokens_map();
  void collect_by_id(int id, Placed placed);
  void collect_decoder();
  void collect_older_files();
  void sort_extra_tokens();
  void collect_extra();
  [[nodiscard]] std::optional<AddedToken> named_token(const std::string& key) const;
  [[nodiscard]] bool has_name(std::string_view content) const;
  [[nodiscard]] AddedToken token_of(const Json& value, const std::string& where) const;
  void place_tokens();
  void set_prefix_space();
  void set_ends();
  void warn_about_left_out();
  void warn(std::string text) { parts_.warnings.push_back(std::move(text)); }
  [[nodiscard]] std::string where(std::string_view key) const { return settings().where(key); }
  [[nodiscard]] JsonFields settings() const { return JsonFields(settings_, config_name_); }
  [[nodiscard]] int id_of(std::string_view content) const;

  std::filesystem::path dir_;
  std::string config_name_;
  Json settings_ = Json::object();  // tokenizer_config.json, then with special_tokens_map.json
  Json added_json_ = Json::object();
  bool of_gpt2_ = true;  // the class rebuilds everything from vocabulary, merges and settings
  bool has_decoder_ = false;
  std::optional<TokenizerJson> json_;
  TokenizerParts parts_;
  std::map<int, Placed> by_id_;
  std::vector<Placed> extra_;
};

SOLO_INLINE Json TokenizerFolder::read_optional(std::string_view name) const {
  if (!is_there(dir_ / name)) return Json::object();
  Json json = read_json_file(dir_ / name, tokenizer_json_limits());
  static_cast<void>(JsonFields(json, display_name(dir_ / name)));  // requires an object
  return json;
}

SOLO_INLINE void TokenizerFolder::check_class() {
  const JsonFields fields = settings();
  for (const std::string_view key : {"auto_map", "fast_tokenizer_files"}) {
    require_setting(fields.absent(key), fields, key, "none (code and files of its own)");
  }
  if (!fields.absent("tokenizer_class")) {
    const std::string name = fields.string("tokenizer_class");
    of_gpt2_ = name == "GPT2Tokenizer" || name == "GPT2TokenizerFast";
    const bool backend = name == "PreTrainedTokenizerFast" || name == "TokenizersBackend";
    require_setting(of_gpt2_ || backend, fields, "tokenizer_class",
                    "GPT2Tokenizer, GPT2TokenizerFast, PreTrainedTokenizerFast or "
                    "TokenizersBackend");
  }
  require_setting(of_gpt2_ || is_there(dir_ / "tokenizer.json"), fields, "tokenizer_class",
                  "GPT2Tokenizer where there is no tokenizer.json");
  const std::string_view corrupting =
      "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";
  require_setting(!fields.boolean_or(corrupting, false), fields, corrupting, "false");
}

SOLO_INLINE void TokenizerFolder::read_vocabulary() {
  if (!is_there(dir_ / "tokenizer.json")) {
    parts_ = read_vocab_and_merges(dir_ / "vocab.json", dir_ / "merges.txt");
    return;
  }
  json_ = read_tokenizer_json(dir_ / "tokenizer.json");
  parts_ = std::move(json_->parts);
  compare_with_pair();
}

/// vocab.json and merges.txt beside tokenizer.json are not used, but are to say the same.
SOLO_INLINE void TokenizerFolder::compare_with_pair() {
  if (!is_there(dir_ / "vocab.json") || !is_there(dir_ / "merges.txt")) return;
  const TokenizerParts pair = read_vocab_and_merges(dir_ / "vocab.json", dir_ / "merges.txt");
  const bool same_tokens = pair.vocabulary == parts_.vocabulary;
  if (same_tokens && pair.merges == parts_.merges) return;
  warn(concat(display_name(dir_ / "tokenizer.json"), ": counts, as in transformers; ",
              same_tokens ? "merges.txt has other merges"
                          : concat("vocab.json has another vocabulary, of ", pair.vocabulary.size(),
                                   " tokens, not ", parts_.vocabulary.size())));
}

/// Without an added_tokens_decoder the older special_tokens_map.json overrides the configuration.
SOLO_INLINE void TokenizerFolder::merge_special_tokens_map() {
  has_decoder_ = settings_.contains("added_tokens_decoder");
  sort_extra_tokens();
  const Json map = read_optional("special_tokens_map.json");
  const std::string name = display_name(dir_ / "special_tokens_map.json");
  const JsonFields fields(map, name);
  for (const auto& [key, value] : map.items()) {
    const bool list = key == "additional_special_tokens" || key == "extra_special_tokens";
    require_setting(list || (key.ends_with("_token") && !value.is_boolean()), fields, key,
                    "a special token");
    if (has_decoder_) {
      if (!list && settings_.value(key, Json()) != value && settings_.contains(key)) {
        const AddedToken ours = token_of(settings_[key], where(key));
        const AddedToken theirs = token_of(value, fields.where(key));
        if (ours.content != theirs.content) {
          warn(concat(fields.where(key), ": ", quoted(theirs.content), " does not count beside ",
                      config_name_, "'s ", quoted(ours.content), ", as in transformers"));
        }
      }
    } else if (key == "extra_special_tokens" && settings_.value(key, Json()).is_array()) {
      for (const Json& token : value) settings_[key].push_back(token);
    } else {
      if (!list) (void)token_of(value, fields.where(key));  // errors name this file
      settings_[key] = value;
      // Flags that this file does not say are those of a special token.
      if (value.is_object() && !list) settings_[key]["special"] = true;
    }
  }
  sort_extra_tokens();
}

/// As in transformers, a dictionary of extra_special_tokens are tokens with names of the model's
/// own; additional_special_tokens, the older name of the list, counts where there is no other.
SOLO_INLINE void TokenizerFolder::sort_extra_tokens() {
  const std::string key = "extra_special_tokens";
  if (settings_.contains(key) && settings_[key].is_object() && !settings_[key].empty()) {
    Json& names = settings_["model_specific_special_tokens"];
    if (!names.is_object()) names = Json::object();
    names.update(settings_[key]);
    settings_.erase(key);
  }
  const std::string older = "additional_special_tokens";
  if (!settings_.contains(older)) return;
  if (settings_.contains(key) && !settings_[key].empty()) return;
  settings_[key] = settings_[older];
  settings_.erase(older);
}

SOLO_INLINE AddedToken TokenizerFolder::token_of(const Json& value,
                                                 const std::string& where) const {
  if (value.is_null()) return {};
  if (value.is_object()) return read_added_token(JsonFields(value, where), false);
  if (!value.is_string()) {
    fail<FormatError>("json.type", where, ": expected a token, found ", describe(value));
  }
  const Json object = {{"content", value}, {"special", true}};
  return read_added_token(JsonFields(object, where), true);
}

SOLO_INLINE void TokenizerFolder::collect_by_id(int id, Placed placed) {
  placed.token.id = id;
  const auto [place, is_new] = by_id_.try_emplace(id, placed);
  if (is_new) return;
  if (place->second.token.content != placed.token.content) {
    fail<FormatError>("tokenizer.added", placed.where, ": token ", quoted(placed.token.content),
                      " has id ", id, " here, which ", place->second.where, " gives to ",
                      quoted(place->second.token.content));
  }
  place->second = std::move(placed);
}

SOLO_INLINE void TokenizerFolder::collect_decoder() {
  const JsonFields decoder = settings().object("added_tokens_decoder");
  for (const auto& [key, value] : decoder.json().items()) {
    int id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id >= kMaxVocabulary) {
      fail<FormatError>("json.range", decoder.where(key), ": expected an id of 0 to ",
                        kMaxVocabulary - 1, " as the key");
    }
    const std::string where = decoder.where(key);
    collect_by_id(id, {read_added_token(JsonFields(value, where), false), where});
  }
}

/// added_tokens.json and tokenizer.json's added_tokens, where no added_tokens_decoder is.
SOLO_INLINE void TokenizerFolder::collect_older_files() {
  const JsonFields file(added_json_, display_name(dir_ / "added_tokens.json"));
  for (const auto& [content, value] : added_json_.items()) {
    // clang 14 captures no structured binding.
    const auto same = [&name = content](const Placed& placed) {
      return placed.token.content == name;
    };
    const bool extra = std::any_of(extra_.begin(), extra_.end(), same);
    const Json object = {{"content", content}, {"special", extra || has_name(content)}};
    collect_by_id(
        static_cast<int>(file.integer(content, kTokenIds)),
        {read_added_token(JsonFields(object, file.where(content)), false), file.source()});
  }
  if (!json_) return;
  for (const AddedToken& token : json_->added) {
    collect_by_id(token.id, {token, display_name(dir_ / "tokenizer.json") + ": added_tokens"});
  }
}

SOLO_INLINE std::optional<AddedToken> TokenizerFolder::named_token(const std::string& key) const {
  const bool defaults =
      of_gpt2_ && (key == "bos_token" || key == "eos_token" || key == "unk_token");
  if (!settings_.contains(key)) {
    if (!defaults) return std::nullopt;
    return token_of(Json(kEndOfText), where(key));
  }
  const Json& value = settings_[key];
  if (value.is_null()) return std::nullopt;
  return token_of(value, where(key));
}

SOLO_INLINE bool TokenizerFolder::has_name(std::string_view content) const {
  return std::any_of(kSpecialTokenNames.begin(), kSpecialTokenNames.end(),
                     [&](std::string_view key) {
                       const auto token = named_token(std::string(key));
                       return token && token->content == content;
                     });
}

/// Special tokens beside the seven that have names.
SOLO_INLINE void TokenizerFolder::collect_extra() {
  const auto add = [this](const Json& value, const std::string& where) {
    if (value.is_null()) return;
    extra_.push_back({token_of(value, where), where, value.is_string()});
  };
  for (const auto& [key, value] : settings_.items()) {
    const bool named = std::find(kSpecialTokenNames.begin(), kSpecialTokenNames.end(), key) !=
                       kSpecialTokenNames.end();
    if (!named && key.ends_with("_token") && (value.is_string() || value.is_object())) {
      add(value, where(key));
    }
  }
  for (const std::string key : {"model_specific_special_tokens", "extra_special_tokens"}) {
    if (!settings_.contains(key) || settings_[key].is_null()) continue;
    const Json& list = settings_[key];
    if (!list.is_array() && !list.is_object()) settings().refuse(key, "a list of tokens");
    for (const auto& [name, value] : list.items()) add(value, where(concat(key, ".", name)));
  }
}

SOLO_INLINE void TokenizerFolder::place_tokens() {
  if (json_ && !of_gpt2_) {
    for (const AddedToken& token : json_->added) {
      place_added_token(parts_, token, display_name(dir_ / "tokenizer.json") + ": added_tokens");
    }
  }
  for (auto& [id, placed] : by_id_) {
    placed.token.special = placed.token.special || has_name(placed.token.content);
    place_added_token(parts_, placed.token, placed.where);
  }
  // Of several definitions of one token the last that says something new counts.
  std::vector<Placed> fresh;
  const auto collect = [&](Placed placed) {
    if (id_of(placed.token.content) >= 0) return;
    if (std::find(fresh.begin(), fresh.end(), placed) != fresh.end()) return;
    fresh.push_back(std::move(placed));
  };
  for (const std::string_view key : kSpecialTokenNames) {
    std::optional<AddedToken> token = named_token(std::string(key));
    if (!token) continue;
    token->special = true;
    const auto value = settings_.find(key);
    collect({*std::move(token), where(key), value == settings_.end() || value->is_string()});
  }
  for (Placed& placed : extra_) collect(std::move(placed));
  for (Placed& placed : fresh) place_added_token(parts_, std::move(placed.token), placed.where);
}

/// The id of an added token, or -1.
SOLO_INLINE int TokenizerFolder::id_of(std::string_view content) const {
  const auto found = std::find_if(parts_.added.begin(), parts_.added.end(),
                                  [&](const AddedToken& t) { return t.content == content; });
  return found != parts_.added.end() ? found->id : -1;
}

SOLO_INLINE void TokenizerFolder::set_prefix_space() {
  const bool of_json = parts_.add_prefix_space;
  const bool of_config = settings().boolean_or("add_prefix_space", of_gpt2_ ? false : of_json);
  if (of_gpt2_) parts_.add_prefix_space = of_config;
  if (!json_ || of_config == of_json) return;
  warn(concat(of_gpt2_ ? display_name(dir_ / "tokenizer.json") + ": pre_tokenizer.add_prefix_space"
                       : where("add_prefix_space"),
              " does not count beside ", of_gpt2_ ? "tokenizer_config.json" : "tokenizer.json",
              "'s, as in transformers"));
}

SOLO_INLINE void TokenizerFolder::set_ends() {
  const auto id = [this](const char* key) {
    const auto token = named_token(key);
    return token ? id_of(token->content) : -1;
  };
  parts_.bos = id("bos_token");
  parts_.eos = id("eos_token");
  parts_.pad = id("pad_token");
  parts_.split_special_tokens = settings().boolean_or("split_special_tokens", false);
  const bool begins = settings().boolean_or("add_bos_token", false);
  const bool ends = settings().boolean_or("add_eos_token", false);
  if (!json_) {
    if (begins && parts_.bos >= 0) parts_.prefix = {parts_.bos};
    if (ends && parts_.eos >= 0) parts_.suffix = {parts_.eos};
  } else if ((begins && parts_.prefix.empty()) || (ends && parts_.suffix.empty())) {
    warn(concat(where(begins && parts_.prefix.empty() ? "add_bos_token" : "add_eos_token"),
                " does not count beside tokenizer.json, whose post_processor adds no such token, "
                "as in transformers"));
  }
  for (const std::vector<int>* side : {&parts_.prefix, &parts_.suffix}) {
    for (const int token : *side) {
      if (token < parts_.vocabulary.size()) continue;
      fail<FormatError>("tokenizer.json", display_name(dir_ / "tokenizer.json"),
                        ": post_processor: expected ids of 0 to ", parts_.vocabulary.size() - 1,
                        ", found ", token);
    }
  }
}

/// Added tokens of files that do not count beside an added_tokens_decoder.
SOLO_INLINE void TokenizerFolder::warn_about_left_out() {
  if (!has_decoder_) return;
  const auto check = [this](const std::string& content, std::string_view file) {
    if (id_of(content) >= 0) return;
    warn(concat(display_name(dir_ / file), ": token ", quoted(content), " is not in ",
                where("added_tokens_decoder"), " and does not count, as in transformers"));
  };
  for (const auto& [content, id] : added_json_.items()) check(content, "added_tokens.json");
  if (!json_) return;
  for (const AddedToken& token : json_->added) check(token.content, "tokenizer.json");
}

SOLO_INLINE TokenizerParts TokenizerFolder::read() {
  settings_ = read_optional("tokenizer_config.json");
  check_class();
  read_vocabulary();
  merge_special_tokens_map();
  if (json_ && !json_->pad_token.empty() && !of_gpt2_ && !settings_.contains("pad_token")) {
    settings_["pad_token"] = json_->pad_token;
  }
  added_json_ = read_optional("added_tokens.json");
  collect_extra();
  if (has_decoder_) {
    collect_decoder();
  } else {
    collect_older_files();
  }
  place_tokens();
  set_prefix_space();
  set_ends();
  warn_about_left_out();
  check_merges_fit(parts_, display_name(dir_ / (json_ ? "tokenizer.json" : "merges.txt")));
  return std::move(parts_);
}

SOLO_INLINE TokenizerParts read_tokenizer_folder(const std::filesystem::path& dir) {
  return TokenizerFolder(dir).read();
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
