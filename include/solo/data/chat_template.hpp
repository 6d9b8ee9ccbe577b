// SPDX-License-Identifier: MIT
/// @file
/// Conversations as text: what stands before and after the messages of each role.
#pragma once

#include <solo/core/config.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A message of a conversation.
struct ChatMessage {
  std::string role;
  std::string content;
};

/// A part of a sequence: text, or the end token.
struct TextPiece {
  std::string text = {};
  bool scored = true;  ///< of an assistant, or not of a conversation
  bool end = false;    ///< the end token instead of text
};

/// How messages become a sequence. Each role has a text with {content} in it once, and {eos} where
/// the end token stands. It is no Jinja: a chat_template of Hugging Face's is not read.
class ChatTemplate {
 public:
  /// "plain".
  ChatTemplate();
  /// "plain": "System: {content}\\n", "User: {content}\\n" and "Assistant: {content}{eos}";
  /// "eos": "{content}{eos}" for every role, as DialoGPT and transformers' former default for
  /// GPT-2; "chatml": "<|im_start|>ROLE\\n{content}<|im_end|>\\n", whose two marks must be tokens.
  /// Everything else is the path of a JSON file, {"user": "…{content}…", …}, with at least the role
  /// assistant. Throws ConfigError "data.chat_template" naming the role; IoError; FormatError.
  [[nodiscard]] static ChatTemplate from_name(std::string_view name_or_path);

  /// The pieces of a conversation. The content of an assistant's message is scored, and what
  /// follows it in the template but white space at the end. Throws FormatError "data.messages" for
  /// a role without a text and for no message at all; `where` begins its message.
  [[nodiscard]] std::vector<TextPiece> pieces(const std::vector<ChatMessage>& messages,
                                              const std::string& where) const;
  /// The name or path.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// What must be single tokens of the vocabulary.
  [[nodiscard]] const std::vector<std::string>& tokens() const noexcept { return tokens_; }

 private:
  explicit ChatTemplate(std::string_view name) : name_(name) {}
  void add_role(const std::string& role, std::string_view text);

  struct Role {
    std::string before;
    std::string after;
  };
  std::string name_;
  std::map<std::string, Role> roles_ = {};
  std::vector<std::string> tokens_ = {};
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/chat_template.ipp>  // IWYU pragma: keep
#endif
