// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json.hpp>
#include <solo/text/lines.hpp>
#include <solo/train/link_log.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

inline constexpr const char* kLinkLogFile = "links.jsonl";

/// The lines of a links.jsonl up to this step. A run that was killed may have left an unfinished
/// last line, which is none.
[[nodiscard]] SOLO_INLINE std::string link_lines_until(const std::filesystem::path& file,
                                                       std::int64_t step) {
  std::string text;
  if (!std::filesystem::exists(file)) return text;
  LineReader lines(file);
  for (std::string_view line; lines.next(line) && !lines.line_end().empty();) {
    const Json entry = parse_json(line, lines.where());
    const auto found = entry.is_object() ? entry.find("step") : entry.end();
    if (found == entry.end() || !found->is_number_integer()) {
      fail<FormatError>("json.type", lines.where(), ": expected an object with a step");
    }
    if (found->get<std::int64_t>() > step) break;
    text += concat(line, '\n');
  }
  return text;
}

}  // namespace detail

SOLO_INLINE std::string to_json_line(std::int64_t step, std::span<const LinkStatistics> links) {
  Json list = Json::array();
  for (const LinkStatistics& l : links) {
    list.push_back({{"source", l.link.src},
                    {"destination", l.link.dst},
                    {"gate", l.gate ? Json(*l.gate) : Json(nullptr)},
                    {"ratio", l.ratio()}});
  }
  return dump_line({{"step", step}, {"links", std::move(list)}});
}

template <Scalar T>
LinkLog<T>::LinkLog(Trainer<T>& trainer, const GPT2<T>& model, LinkLogOptions options)
    : model_(model),
      options_(std::move(options)),
      folder_(trainer.options().output_dir),
      loads_best_(trainer.options().load_best_model_at_end) {
  if (options_.steps < 1) {
    fail<ConfigError>("config.range", "steps: expected at least 1, found ", options_.steps);
  }
  text_ = to_json_line(0, link_statistics(model_, options_.batch)) + '\n';
  trainer.on_resume([this](const ResumeInfo& info) {
    text_ =
        detail::link_lines_until(info.checkpoint.parent_path() / detail::kLinkLogFile, info.step);
    last_ = info.step;
  });
  trainer.on_step([this](const StepInfo& info) {
    open();
    if (info.step % options_.steps == 0 || info.step == info.max_steps) write(info.step);
  });
}

template <Scalar T>
void LinkLog<T>::open() {
  if (folder_.empty() || lines_) return;
  write_file_atomically(folder_ / detail::kLinkLogFile, text_);
  lines_.emplace(folder_ / detail::kLinkLogFile);
}

template <Scalar T>
void LinkLog<T>::write(std::int64_t step) {
  if (lines_) lines_->write_line(to_json_line(step, link_statistics(model_, options_.batch)));
  last_ = step;
}

template <Scalar T>
void LinkLog<T>::finish(const TrainResult& result) {
  if (result.stopped && last_ == result.steps) return;  // all is there, or no step was made
  open();
  const bool holds_last = !loads_best_ || result.best_step == result.steps;
  if (result.stopped_early && holds_last && last_ != result.steps) write(result.steps);
}

#if !SOLO_HEADER_ONLY
template class LinkLog<float>;
template class LinkLog<double>;
#endif

}  // namespace solo::inline SOLO_ABI
