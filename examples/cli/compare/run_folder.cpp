// SPDX-License-Identifier: MIT
#include "run_folder.hpp"

#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/text/lines.hpp>

#include "../score_json.hpp"
#include "../stop_signals.hpp"
#include "child.hpp"

#include <algorithm>

namespace solo::cli {
namespace {

constexpr Index kLinkSteps = 32;
constexpr const char* kRecord = "run.json";
constexpr const char* kMeteor = "meteor.jsonl";

/// The later object's options win; max-steps and epochs say the same, so either replaces the other.
void merge(Json& options, const Json& more) {
  if (more.contains("max-steps")) options.erase("epochs");
  if (more.contains("epochs")) options.erase("max-steps");
  for (const auto& [key, value] : more.items()) options[key] = value;
}

bool has_checkpoint(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with("checkpoint-")) return true;
  }
  return false;
}

std::string change(const std::string& what, const Json& before, const Json& now) {
  return concat(what, " was ", describe(before), " and is ", describe(now));
}

/// The first option in which two identities differ, and both values.
std::string difference(const Json& stored, const Json& now) {
  for (const auto& [part, value] : now.items()) {
    const Json& old = stored.contains(part) ? stored[part] : Json();
    if (old == value) continue;
    if (!old.is_object() || !value.is_object()) return change(part, old, value);
    for (const Json* const side : {&old, &value}) {
      for (const auto& [key, unused] : side->items()) {
        const Json a = old.contains(key) ? old[key] : Json();
        const Json b = value.contains(key) ? value[key] : Json();
        if (a != b) return change(concat(part, '.', key), a, b);
      }
    }
  }
  return "other options";
}

/// One line: the scores take a line break for a space.
std::string on_one_line(std::string text, Index& line_breaks) {
  const auto is_break = [](char c) { return c == '\n' || c == '\r' || c == '\v' || c == '\f'; };
  if (std::any_of(text.begin(), text.end(), is_break)) {
    ++line_breaks;
    std::replace_if(text.begin(), text.end(), is_break, ' ');
  }
  return text;
}

/// One text's line of meteor.jsonl.
MeteorCounts read_counts(const Json& json, const std::string& where) {
  const bool numbers =
      json.is_array() && json.size() == MeteorCounts().size() &&
      std::all_of(json.begin(), json.end(), [](const Json& n) { return n.is_number(); });
  if (!numbers)
    fail<FormatError>("json.type", where, ": expected ", MeteorCounts().size(), " numbers, found ",
                      describe(json));
  return json.get<MeteorCounts>();
}

/// The file has as many lines as there are texts to score.
void check_count(const std::filesystem::path& path, std::size_t found, const TextSet& set) {
  if (found == set.groups.size()) return;
  fail<FormatError>("compare.texts", display_name(path), ": expected ", set.groups.size(),
                    " texts, found ", found);
}

}  // namespace

std::optional<double> RunRecord::number(const char* key) const {
  if (!trained.is_object() || !trained.contains(key)) return {};
  const Json& value = trained[key];
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::optional<MetricValues> RunRecord::metrics() const {
  if (!scores) return {};
  return MetricValues{scores->bleu, scores->nist, scores->meteor, scores->rouge_l, scores->cider};
}

RunFolder::RunFolder(const RunSettings& settings, RunChoice choice, std::filesystem::path folder)
    : settings_(settings), choice_(std::move(choice)), folder_(std::move(folder)) {}

std::filesystem::path RunFolder::trained_folder() const {
  const bool above = choice_.kind == RunKind::tuning_texts;
  return (above ? folder_.parent_path() : folder_) / "trained";
}

const TextSet& RunFolder::texts() const {
  return choice_.kind == RunKind::tuning_texts ? settings_.task.choice : settings_.task.test;
}

Json RunFolder::train_options() const {
  Json options = settings_.plan.options;
  merge(options, choice_.method.options);
  if (choice_.kind != RunKind::whole) merge(options, settings_.plan.choose_options);
  merge(options, choice_.setting);
  if (choice_.method.kind() == "solo" && choice_.kind == RunKind::whole &&
      !options.contains("link-statistics-steps")) {
    options["link-statistics-steps"] = kLinkSteps;
  }
  options["seed"] = choice_.seed;
  return options;
}

Json RunFolder::generate_options() const {
  const ComparePlan& plan = settings_.plan;
  Json options = choice_.kind == RunKind::tuning_texts ? plan.choice_generation() : plan.generation;
  const Json train = train_options();
  options["separator"] = train.contains("separator") ? train["separator"] : Json("eos");
  return options;
}

Json RunFolder::identity() const {
  Json what = {{"inputs", settings_.task.inputs}};
  if (!is_base()) what["train"] = train_options();
  if (choice_.kind == RunKind::whole) what["generate"] = generate_options();
  if (choice_.kind == RunKind::tuning_texts) {
    what["choose_generation"] = generate_options();
    what["choose_contexts"] = texts().groups.size();
  }
  return what;
}

std::vector<std::string> RunFolder::words(const char* command) const {
  std::vector<std::string> words = {command, "--config",
                                    (folder_ / concat(command, ".json")).string(), "--json"};
  if (settings_.quiet) words.emplace_back("--quiet");
  if (settings_.threads > 0) {
    words.emplace_back("--threads");
    words.push_back(std::to_string(settings_.threads));
  }
  return words;
}

void RunFolder::prepare() const {
  make_directories(folder_);
  if (trains()) {
    Json options = train_options();
    options["model"] = settings_.plan.model.string();
    options["train"] = settings_.task.train.string();
    options["valid"] = settings_.task.valid.string();
    options["output"] = trained_folder().string();
    write_file_atomically(folder_ / "train.json", options.dump(2) + '\n');
    check_command(add_train, words("train"));
  }
  if (!decodes()) return;
  Json options = generate_options();
  const bool full = choice_.method.kind() == "full";
  options["model"] = full ? trained_folder().string() : settings_.plan.model.string();
  if (!full && !is_base()) options["adapter"] = trained_folder().string();
  options["input"] = texts().prompts.string();
  write_file_atomically(folder_ / "generate.json", options.dump(2) + '\n');
  check_command(add_generate, words("generate"));
}

bool RunFolder::has_record() const {
  return std::filesystem::exists(folder_ / kRecord);
}

std::optional<RunRecord> RunFolder::finished() const {
  if (!has_record()) return {};
  const std::filesystem::path path = folder_ / kRecord;
  const Json json = read_json_file(path);
  const JsonFields fields(json, display_name(path));
  if (dump_sorted(fields.value("identity")) != dump_sorted(identity())) {
    if (settings_.rerun) return {};
    fail<ConfigError>("compare.changed", display_name(path), ": the run is of another plan: ",
                      difference(fields.value("identity"), identity()),
                      "; --rerun replaces it, another --output keeps it");
  }
  RunRecord record{.diverged = fields.boolean("diverged"),
                   .reason = fields.string("reason"),
                   .trained = fields.value("trained"),
                   .train_seconds = fields.number_if("train_seconds"),
                   .decode_seconds = fields.number_if("decode_seconds"),
                   .line_breaks = fields.integer("line_breaks")};
  if (!fields.absent("metrics")) {
    const JsonFields metrics = fields.object("metrics");
    record.scores = TextScores{.bleu = metrics.number("BLEU"),
                               .nist = metrics.number_if("NIST"),
                               .meteor = metrics.number_if("METEOR"),
                               .rouge_l = metrics.number("ROUGE_L"),
                               .cider = metrics.number("CIDEr")};
  }
  return record;
}

void RunFolder::write(const RunRecord& record) const {
  const Json json = {{"identity", identity()},
                     {"diverged", record.diverged},
                     {"reason", record.reason},
                     {"trained", record.trained},
                     {"train_seconds", or_null(record.train_seconds)},
                     {"decode_seconds", or_null(record.decode_seconds)},
                     {"line_breaks", record.line_breaks},
                     {"metrics", record.scores ? scores_json(*record.scores) : Json(nullptr)}};
  write_file_atomically(folder_ / kRecord, json.dump(2) + '\n');
}

ChildResult RunFolder::run_child(AddCommand add, const char* command, bool resume,
                                 const char* out) const {
  std::vector<std::string> arguments = words(command);
  if (resume) arguments.emplace_back("--resume");
  ChildResult result = run_command(add, arguments, folder_ / out);
  if (result.status == 0 || result.error_id.starts_with("numeric.")) return result;
  if (passed_signal() != 0) throw Stopped{passed_signal()};
  fail<ConfigError>("compare.run", display_name(folder_), ": solo ", command, ": ",
                    result.error.empty() ? concat("exit status ", result.status) : result.error);
}

void RunFolder::train(RunRecord& record) const {
  constexpr const char* kResult = "train_result.json";
  const ChildResult child =
      run_child(add_train, "train", has_checkpoint(trained_folder()), kResult);
  record.train_seconds = child.seconds;
  if (child.status != 0) {
    record.diverged = true;
    record.reason = child.error;
    return;
  }
  record.trained = read_json_file(folder_ / kResult);
}

void RunFolder::decode(RunRecord& record) const {
  const ChildResult child = run_child(add_generate, "generate", false, "texts.jsonl");
  record.decode_seconds = child.seconds;
  if (child.status != 0) {
    record.diverged = true;
    record.reason = child.error;
    return;
  }
  std::string lines;
  LineReader generated(folder_ / "texts.jsonl");
  std::string_view line;
  while (generated.next_record(line)) {
    const Json row = parse_json(line, generated.where());
    const std::string text = JsonFields(row, generated.where()).string("text");
    lines += on_one_line(clean_prediction(text), record.line_breaks) + '\n';
  }
  write_file_atomically(folder_ / "hypotheses.txt", lines);
  const std::vector<std::string> hypotheses = read_hypotheses(folder_, texts());
  warn_of_empty_texts(folder_ / "hypotheses.txt", hypotheses);
  record.scores = TextEvaluation(texts().references(), hypotheses).scores();
}

void RunFolder::add_meteor(RunRecord& record, std::optional<MeteorSession>& meteor) const {
  if (!record.scores || record.scores->meteor) return;
  if (!meteor) meteor = settings_.meteor.start();
  if (!meteor) return;
  const std::vector<MeteorCounts> counts =
      meteor->counts(texts().references(), read_hypotheses(folder_, texts()));
  std::string lines;
  for (const MeteorCounts& text : counts) lines += dump_line(text) + '\n';
  write_file_atomically(folder_ / kMeteor, lines);
  record.scores->meteor = meteor->score(counts);
  write(record);
}

RunRecord RunFolder::run() const {
  std::error_code ignored;
  for (const char* const old : {kRecord, kMeteor}) std::filesystem::remove(folder_ / old, ignored);
  RunRecord record;
  if (trains()) {
    if (settings_.rerun) std::filesystem::remove_all(trained_folder(), ignored);
    train(record);
  }
  if (decodes() && !record.diverged) decode(record);
  write(record);
  return record;
}

std::optional<std::vector<MeteorCounts>> read_meteor(const std::filesystem::path& folder,
                                                     const TextSet& set) {
  const std::filesystem::path path = folder / kMeteor;
  if (!std::filesystem::exists(path)) return {};
  std::vector<MeteorCounts> all;
  LineReader lines(path);
  for (std::string_view line; lines.next_record(line);) {
    all.push_back(read_counts(parse_json(line, lines.where()), lines.where()));
  }
  check_count(path, all.size(), set);
  return all;
}

std::vector<std::string> read_hypotheses(const std::filesystem::path& folder, const TextSet& set) {
  const std::filesystem::path path = folder / "hypotheses.txt";
  std::vector<std::string> lines;
  LineReader texts(path, {.skip_bom = false});
  for (std::string_view line; texts.next(line);) lines.emplace_back(line);
  check_count(path, lines.size(), set);
  return lines;
}

}  // namespace solo::cli
