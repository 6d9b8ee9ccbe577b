// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/chat_template.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Appends the pieces of a text with {eos} in it.
SOLO_INLINE void append_pieces(std::string_view text, bool scored, std::vector<TextPiece>& pieces) {
  constexpr std::string_view kEos = "{eos}";
  while (!text.empty()) {
    const std::size_t at = text.find(kEos);
    if (at != 0) pieces.push_back({std::string(text.substr(0, at)), scored, false});
    if (at == std::string_view::npos) return;
    pieces.push_back({{}, scored, true});
    text.remove_prefix(at + kEos.size());
  }
}

}  // namespace detail

SOLO_INLINE ChatTemplate::ChatTemplate() : ChatTemplate(from_name("plain")) {}

SOLO_INLINE void ChatTemplate::add_role(const std::string& role, std::string_view text) {
  constexpr std::string_view kContent = "{content}";
  const std::size_t at = text.find(kContent);
  if (at == std::string_view::npos || text.find(kContent, at + 1) != std::string_view::npos) {
    fail<ConfigError>("data.chat_template", "chat template ", printable(name_), ": ",
                      printable(role, 60), ": expected a text with {content} once, found ",
                      quoted(text, 60));
  }
  roles_[role] = {std::string(text.substr(0, at)), std::string(text.substr(at + kContent.size()))};
}

SOLO_INLINE ChatTemplate ChatTemplate::from_name(std::string_view name_or_path) {
  ChatTemplate made(name_or_path);
  if (name_or_path == "plain") {
    made.add_role("system", "System: {content}\n");
    made.add_role("user", "User: {content}\n");
    made.add_role("assistant", "Assistant: {content}{eos}");
    return made;
  }
  if (name_or_path == "eos" || name_or_path == "chatml") {
    for (const std::string role : {"system", "user", "assistant"}) {
      made.add_role(role, name_or_path == "eos"
                              ? std::string("{content}{eos}")
                              : concat("<|im_start|>", role, "\n{content}<|im_end|>\n"));
    }
    if (name_or_path == "chatml") made.tokens_ = {"<|im_start|>", "<|im_end|>"};
    return made;
  }
  const std::filesystem::path path(name_or_path);
  if (!std::filesystem::exists(path)) {
    fail<ConfigError>("data.chat_template",
                      "chat template: expected plain, eos, chatml or a file, ", "found ",
                      quoted(name_or_path));
  }
  const Json json = read_json_file(path);
  if (!json.is_object() || !json.contains("assistant")) {
    fail<ConfigError>("data.chat_template", display_name(path),
                      ": expected an object of roles and their texts, assistant among them");
  }
  for (const auto& [role, text] : json.items()) {
    if (!text.is_string()) {
      fail<ConfigError>("data.chat_template", display_name(path), ": ", printable(role, 60),
                        ": expected a string, found ", text.type_name());
    }
    made.add_role(role, text.get_ref<const std::string&>());
  }
  return made;
}

SOLO_INLINE std::vector<TextPiece> ChatTemplate::pieces(const std::vector<ChatMessage>& messages,
                                                        const std::string& where) const {
  if (messages.empty()) {
    fail<FormatError>("data.messages", where, ": messages: expected one or more, found none");
  }
  std::vector<TextPiece> pieces;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto role = roles_.find(messages[i].role);
    if (role == roles_.end()) {
      std::string known;
      for (const auto& [name, text] : roles_) known += (known.empty() ? "" : ", ") + name;
      fail<FormatError>("data.messages", where, ": messages[", i, "].role: expected ",
                        printable(known), " (chat template ", printable(name_), "), found ",
                        quoted(std::string_view(messages[i].role), 40));
    }
    const bool scored = role->first == "assistant";
    detail::append_pieces(role->second.before, false, pieces);
    if (!messages[i].content.empty()) pieces.push_back({messages[i].content, scored, false});
    const std::string_view after = role->second.after;
    const std::size_t tail = after.find_last_not_of(" \t\r\n") + 1;  // 0 for white space alone
    detail::append_pieces(after.substr(0, tail), scored, pieces);
    detail::append_pieces(after.substr(tail), false, pieces);
  }
  return pieces;
}

}  // namespace solo::inline SOLO_ABI
