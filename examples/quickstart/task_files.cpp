// SPDX-License-Identifier: MIT
#include "task_files.hpp"

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/text/lines.hpp>

#include "data_to_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <span>

namespace solo::quickstart {
namespace {

std::string samples_text(const std::vector<Sample>& samples) {
  std::string lines;
  for (const Sample& s : samples) {
    lines += dump_line({{"prompt", to_prompt(s.meaning)}, {"completion", s.text}}) + '\n';
  }
  return lines;
}

std::string prompts_text(const std::vector<std::string>& prompts) {
  std::string lines;
  for (const std::string& prompt : prompts) lines += dump_line({{"prompt", prompt}}) + '\n';
  return lines;
}

/// The context of a line of data.
std::string context_of(std::string_view line, bool jsonl, const std::string& where) {
  if (jsonl) {
    const Json json = parse_json(line, where);
    return JsonFields(json, where).string("prompt");
  }
  const std::size_t bars = line.find("||");
  if (bars == std::string_view::npos) {
    fail<FormatError>("data.line", where, ": expected context||completion, found ",
                      quoted(line, 60));
  }
  return std::string(line.substr(0, bars));
}

/// `head` and the text in lines of at most `width` columns (longer words excepted); the second and
/// later ones begin under the text.
std::string wrap(const std::string& head, std::string_view text, std::size_t width) {
  std::string out;
  std::string line = head;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (line.size() > head.size() && line.size() + 1 + word.size() > width) {
      out += line + '\n';
      line = std::string(head.size(), ' ');
    } else if (line.size() > head.size()) {
      line += ' ';
    }
    line += word;
  }
  return out + line + '\n';
}

}  // namespace

void write_task(const std::filesystem::path& folder, const TaskSizes& sizes, std::uint64_t seed) {
  SampleMaker maker(seed);
  const std::span<const Domain> general = general_domains();
  const std::span<const Domain> held_out(&held_out_domain(), 1);
  const std::vector<Sample> test = maker.make(held_out, sizes.test);
  std::vector<std::string> prompts;
  prompts.reserve(test.size());
  for (const Sample& s : test) prompts.push_back(to_prompt(s.meaning));
  make_directories(folder);
  const auto write = [&folder](const char* name, const std::string& text) {
    write_file_atomically(folder / name, text);
  };
  write("test.jsonl", samples_text(test));
  write("prompts.jsonl", prompts_text(prompts));
  write("valid.jsonl", samples_text(maker.make(held_out, sizes.valid)));
  write("train.jsonl", samples_text(maker.make(held_out, sizes.train)));
  write("general_valid.jsonl", samples_text(maker.make(general, sizes.valid)));
  write("general_train.jsonl", samples_text(maker.make(general, sizes.general)));
}

SplitCounts split_data(const std::filesystem::path& data, Index contexts, Index prompts,
                       const std::filesystem::path& folder) {
  const std::filesystem::path extension = data.extension();
  const bool jsonl = extension == ".jsonl";
  if (!jsonl && extension != ".txt") {
    fail<ConfigError>("data.format", display_name(data), ": expected the extension .txt or .jsonl");
  }
  std::map<std::string, Index> numbers;  // of the contexts, in order of appearance
  std::vector<std::string> distinct;
  std::vector<std::pair<Index, std::string>> lines;  // with their context's number
  LineReader reader(data);
  for (std::string_view line; reader.next_record(line);) {
    const std::string context = context_of(line, jsonl, reader.where());
    const auto [place, added] = numbers.emplace(context, static_cast<Index>(distinct.size()));
    if (added) distinct.push_back(context);
    lines.emplace_back(place->second, line);
  }
  const Index total = static_cast<Index>(distinct.size());
  if (total < 2) {
    fail<ConfigError>("quickstart.count", display_name(data),
                      ": expected at least 2 different contexts, found ", total);
  }
  const Index first_valid = total > contexts ? contexts : std::max<Index>(total * 4 / 5, 1);
  SplitCounts counts;
  std::string train;
  std::string valid;
  for (const auto& [number, line] : lines) {
    (number < first_valid ? train : valid) += line + '\n';
    ++(number < first_valid ? counts.train : counts.valid);
  }
  std::vector<std::string> some;
  const Index held = total - first_valid;
  const Index wanted = std::min(prompts, held);
  for (Index i = 0; i < wanted; ++i) {
    some.push_back(distinct[static_cast<std::size_t>(first_valid + i * held / wanted)]);
  }
  make_directories(folder);
  write_file_atomically(folder / ("train" + extension.string()), train);
  write_file_atomically(folder / ("valid" + extension.string()), valid);
  write_file_atomically(folder / "prompts.jsonl", prompts_text(some));
  return counts;
}

std::vector<std::string> read_strings(const std::filesystem::path& file, const std::string& field) {
  std::vector<std::string> strings;
  LineReader lines(file);
  for (std::string_view line; lines.next_record(line);) {
    const Json json = parse_json(line, lines.where());
    strings.push_back(JsonFields(json, lines.where()).string(field));
  }
  return strings;
}

std::string show_samples(const std::filesystem::path& prompts,
                         const std::vector<std::pair<std::string, std::filesystem::path>>& texts,
                         Index count, std::size_t width) {
  const std::vector<std::string> asked = read_strings(prompts, "prompt");
  const std::size_t shown = std::min(asked.size(), static_cast<std::size_t>(count));
  std::vector<std::string> blocks(shown);
  for (std::size_t i = 0; i < shown; ++i) blocks[i] = wrap("", asked[i], width);
  for (const auto& [name, file] : texts) {
    const std::vector<std::string> generated = read_strings(file, "text");
    if (generated.size() < shown) {
      fail<FormatError>("data.length", display_name(file), ": expected at least ", shown,
                        " lines, found ", generated.size());
    }
    const std::string head = concat("  ", name, "  ");
    for (std::size_t i = 0; i < shown; ++i) blocks[i] += wrap(head, generated[i], width);
  }
  std::string out;
  for (const std::string& block : blocks) out += (out.empty() ? "" : "\n") + block;
  return out;
}

}  // namespace solo::quickstart
