// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/references.hpp>
#include <solo/io/file.hpp>
#include <solo/text/white_space.hpp>

#include <unordered_map>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Collects the rows of a data file by context.
class ReferenceSink final : public RowSink {
 public:
  void add_pair(std::string_view prompt, std::string_view completion,
                const std::string& /*where*/) override {
    group(prompt).references.emplace_back(strip_white_space(completion));
  }
  void add_text(std::string_view /*text*/, const std::string& where) override {
    refuse("text", where);
  }
  void add_pieces(const std::vector<TextPiece>& /*pieces*/, const std::string& where) override {
    refuse("messages", where);
  }
  void add(Example /*example*/, const std::string& where) override { refuse("input_ids", where); }
  [[nodiscard]] bool takes_prompts() const override { return true; }
  void add_prompt(std::string_view prompt, const std::string& /*where*/) override {
    (void)group(prompt);
  }

  [[nodiscard]] std::vector<ReferenceGroup> finish(const std::string& source) {
    if (groups_.empty()) fail<FormatError>("data.row", source, ": expected one or more rows");
    return std::move(groups_);
  }

 private:
  [[nodiscard]] ReferenceGroup& group(std::string_view context) {
    const auto [it, is_new] = numbers_.try_emplace(std::string(context), groups_.size());
    if (is_new) groups_.push_back({.context = it->first});
    return groups_[it->second];
  }
  [[noreturn]] static void refuse(std::string_view found, const std::string& where) {
    fail<FormatError>("data.row", where, ": references need prompt and completion, found ", found);
  }

  std::vector<ReferenceGroup> groups_;
  std::unordered_map<std::string, std::size_t> numbers_;
};

}  // namespace detail

SOLO_INLINE std::vector<ReferenceGroup> read_reference_groups(const std::filesystem::path& path,
                                                              DataFormat format) {
  detail::ReferenceSink sink;
  detail::read_rows(path, {.format = format}, sink);
  return sink.finish(display_name(path));
}

SOLO_INLINE std::string clean_prediction(std::string_view text) {
  text = text.substr(0, text.find("<|endoftext|>"));
  text = text.substr(0, text.find("\n\n"));
  return std::string(strip_white_space(text));
}

}  // namespace solo::inline SOLO_ABI
