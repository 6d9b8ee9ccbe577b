// SPDX-License-Identifier: MIT
// A run that was stopped and goes on ends with the bits of one that was not.
#include <solo/adapters/adapters.hpp>
#include <solo/train/checkpoint.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <cstring>
#include <functional>
#include <random>
#include <set>
#include <stdexcept>

using solo::test::learner_config;
using solo::test::lines;
using solo::test::tiny_data;

namespace {

/// Everything that a stopped run could do differently is on: dropout, accumulation over a short
/// last batch, a schedule with warm-up, shuffling, clipping, decay.
solo::TrainerOptions options_in(const std::filesystem::path& folder) {
  return {.output_dir = folder,
          .max_steps = 60,
          .batch_size = 2,
          .gradient_accumulation_steps = 2,
          .learning_rate = 1e-2,
          .weight_decay = 0.1,
          .lr_scheduler = solo::LrScheduler::cosine,
          .warmup_steps = 10,
          .label_smoothing = 0.1,
          .model_dropout = true,
          .logging_steps = 7,
          .eval_steps = 11};
}

template <class T>
using Attach = std::function<void(solo::GPT2<T>&)>;

solo::LoraConfig lora_config(double dropout) {
  return {.r = 2, .lora_dropout = dropout};
}

template <class T>
void add_solo(solo::GPT2<T>& model) {
  solo::SoloConfig config{.r = 3, .stride = 1, .dropout = 0.2};
  config.gate_schedule = {solo::SoloScheduleKind::cosine, 40};
  model.add_adapter("a", config);
}
template <class T>
void add_lora(solo::GPT2<T>& model) {
  model.add_adapter("a", lora_config(0.2));
}
template <class T>
void full(solo::GPT2<T>& /*model*/) {}

/// A fresh model and trainer, as a new process has them.
template <class T>
struct Process {
  solo::GPT2<T> model;
  solo::Trainer<T> trainer;
  Process(const solo::TrainerOptions& options, const Attach<T>& attach, int threads = 1)
      : model(prepared(attach, threads)), trainer(model, options) {}
  static solo::GPT2<T> prepared(const Attach<T>& attach, int threads) {
    solo::GPT2<T> model(learner_config(), {.threads = threads, .seed = 5});
    attach(model);
    return model;
  }
  solo::TrainResult train() { return trainer.train(tiny_data(), tiny_data(4, 7)); }
  std::vector<T> weights() {
    std::vector<T> out;
    for (solo::Parameter<T>* p : model.trainable_parameters()) {
      out.insert(out.end(), p->value().span().begin(), p->value().span().end());
    }
    return out;
  }
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Stops after each of `stops` steps, then goes on with `threads`: all must be as in one go.
template <class T>
void check_resume(const Attach<T>& attach, const std::set<int>& stops, int threads) {
  const solo::test::TempDir dir;
  const std::filesystem::path whole = dir.path() / "whole";
  Process<T> reference(options_in(whole), attach);
  const solo::TrainResult expected = reference.train();
  for (const int k : stops) {
    INFO("stopped after step " << k << ", then on " << threads << " threads");
    const std::filesystem::path parts = dir.path() / std::to_string(k);
    solo::TrainerOptions options = options_in(parts);
    {
      Process<T> first(options, attach);
      first.trainer.on_step([k](const solo::StepInfo& s) { return s.step == k; });
      CHECK(first.train().stopped);
    }
    options.resume = true;
    Process<T> second(options, attach, threads);
    std::int64_t next = 0;
    second.trainer.on_step([&](const solo::StepInfo& s) { next = next == 0 ? s.step : next; });
    const solo::TrainResult result = second.train();
    CHECK(next == k + 1);
    REQUIRE(result.resumed);
    CHECK(result.resumed->step == k);
    CHECK(result.resumed->skipped.empty());
    CHECK(result.steps == 60);
    CHECK(result.train_loss == expected.train_loss);
    CHECK(result.eval_loss == expected.eval_loss);
    CHECK(same_bits(second.weights(), reference.weights()));
    for (const char* file : {"trainer_state.json", "log.jsonl", "training_args.json"}) {
      INFO(file);
      CHECK(solo::test::read(parts / file) == solo::test::read(whole / file));
    }
  }
}

std::set<int> random_steps(std::size_t count) {
  std::mt19937 random(20);
  std::set<int> steps;
  while (steps.size() < count) steps.insert(static_cast<int>(random() % 59) + 1);
  return steps;
}

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const solo::Error& error) {
    return solo::concat(error.id(), ": ", std::string_view(error.what()));
  }
  return "no error";
}

/// Flips a bit so many bytes before the end.
void flip(const std::filesystem::path& file, std::streamoff before_end) {
  const auto at = static_cast<std::streamoff>(std::filesystem::file_size(file)) - before_end;
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(at);
  const int byte = stream.get();
  stream.seekp(at);
  stream.put(static_cast<char>(byte ^ 0x10));
}

std::vector<std::string> checkpoints_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const solo::CheckpointFile& f : solo::find_checkpoints(folder)) {
    names.push_back(f.path.filename().string());
  }
  return names;
}

}  // namespace

TEST_CASE("a stopped run goes on to the bit: Solo with a gate schedule", "[resume]") {
  check_resume<float>(add_solo<float>, random_steps(20), 1);
  check_resume<float>(add_solo<float>, random_steps(20), 2);
}

TEST_CASE("a stopped run goes on to the bit: LoRA, double", "[resume]") {
  check_resume<double>(add_lora<double>, {1, 29, 59}, 2);
  const auto tables = [](solo::GPT2<double>& model) {
    solo::LoraConfig config = lora_config(0.2);
    config.target_modules = {"wte", "lm_head"};
    model.add_adapter("a", config);
  };
  check_resume<double>(tables, {29}, 2);
}

TEST_CASE("a stopped run goes on to the bit: full fine-tuning", "[resume]") {
  check_resume<float>(full<float>, {1, 7, 11, 30, 59}, 2);
}

TEST_CASE("a run that died goes on from its last checkpoint, again and again", "[resume]") {
  const solo::test::TempDir dir;
  solo::TrainerOptions whole = options_in(dir.path() / "whole");
  whole.save_steps = 7;
  Process<float> reference(whole, add_solo<float>);
  reference.train();
  CHECK(checkpoints_in(dir.path() / "whole") ==
        std::vector<std::string>{"checkpoint-60.safetensors", "checkpoint-56.safetensors"});

  solo::TrainerOptions options = options_in(dir.path() / "parts");
  options.save_steps = 7;
  for (const int death : {9, 16, 16, 41, 58}) {
    Process<float> process(options, add_solo<float>);
    process.trainer.on_step([death](const solo::StepInfo& s) {
      if (s.step == death) throw std::runtime_error("dies");
    });
    CHECK_THROWS_WITH(process.train(), "dies");
    CHECK(checkpoints_in(dir.path() / "parts").size() == (death < 14 ? 1 : 2));
    options.resume = true;
  }
  Process<float> last(options, add_solo<float>);
  CHECK(last.train().resumed->step == 56);
  CHECK(same_bits(last.weights(), reference.weights()));
  CHECK(lines(dir.path() / "parts" / "log.jsonl") == lines(dir.path() / "whole" / "log.jsonl"));

  // What is finished can be asked for again.
  Process<float> again(options, add_solo<float>);
  const solo::TrainResult result = again.train();
  CHECK(result.resumed->step == 60);
  CHECK(result.steps == 60);
  CHECK(same_bits(again.weights(), reference.weights()));
  CHECK(lines(dir.path() / "parts" / "log.jsonl") == lines(dir.path() / "whole" / "log.jsonl"));
}

TEST_CASE("a damaged checkpoint is skipped, and that is said", "[resume]") {
  const solo::test::TempDir dir;
  solo::TrainerOptions options = options_in(dir.path());
  options.save_steps = 20;
  options.save_total_limit = 0;
  Process<float> first(options, add_lora<float>);
  first.train();
  CHECK(checkpoints_in(dir.path()).size() == 3);
  const auto size = std::filesystem::file_size(dir.path() / "checkpoint-60.safetensors");
  std::filesystem::resize_file(dir.path() / "checkpoint-60.safetensors", size - 1);
  flip(dir.path() / "checkpoint-40.safetensors", 5);

  options.resume = true;
  Process<float> second(options, add_lora<float>);
  std::vector<std::string> said;
  second.trainer.on_resume([&](const solo::ResumeInfo& info) { said = info.skipped; });
  const solo::TrainResult result = second.train();
  CHECK(result.resumed->step == 20);
  CHECK(result.resumed->checkpoint == dir.path() / "checkpoint-20.safetensors");
  REQUIRE(said.size() == 2);
  CHECK(said[0].find("checkpoint-60.safetensors") != std::string::npos);
  CHECK(said[1].find("checkpoint-40.safetensors: section 'value' is damaged") != std::string::npos);
  CHECK(same_bits(second.weights(), first.weights()));
  CHECK_NOTHROW(solo::verify_checkpoint<float>(dir.path() / "checkpoint-60.safetensors"));

  for (const char* name : {"20", "40", "60"}) {
    flip(dir.path() / solo::concat("checkpoint-", name, ".safetensors"), 100);
  }
  Process<float> third(options, add_lora<float>);
  const std::vector<float> before = third.weights();
  CHECK(error_of([&] { third.train(); }).starts_with("checkpoint.damaged: "));
  CHECK(same_bits(third.weights(), before));
}

TEST_CASE("no checkpoint, or one of an earlier run, is an error", "[resume]") {
  const solo::test::TempDir dir;
  solo::TrainerOptions options = options_in(dir.path() / "out");
  options.max_steps = 4;
  options.resume = true;
  CHECK(error_of([&] {
          Process<float>(options, add_lora<float>).train();
        }).starts_with("checkpoint.none: "));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "out"));
  options.resume = false;
  options.save_steps = 2;
  Process<float>(options, add_lora<float>).train();
  const std::string error = error_of([&] { Process<float>(options, add_lora<float>).train(); });
  CHECK(error.starts_with("checkpoint.exists: "));
  CHECK(error.find("checkpoint-4.safetensors") != std::string::npos);

  // One file, into another folder.
  options.output_dir = dir.path() / "other";
  options.resume = true;
  options.resume_from = dir.path() / "out" / "checkpoint-2.safetensors";
  Process<float> moved(options, add_lora<float>);
  CHECK(moved.train().resumed->step == 2);
  CHECK(lines(dir.path() / "other" / "log.jsonl") == lines(dir.path() / "out" / "log.jsonl"));
  // Now that folder has checkpoints, which are not those to go on from.
  CHECK(error_of([&] {
          Process<float>(options, add_lora<float>).train();
        }).starts_with("checkpoint.exists: "));
}

TEST_CASE("what changes the numbers may not change, and the rest may", "[resume]") {
  const solo::test::TempDir dir;
  solo::TrainerOptions options = options_in(dir.path());
  options.max_steps = 4;
  options.save_steps = 2;
  Process<float>(options, add_lora<float>).train();
  options.resume = true;
  const auto refused = [&](const auto& change, const Attach<float>& attach = add_lora<float>) {
    solo::TrainerOptions other = options;
    change(other);
    Process<float> process(other, attach);
    const std::vector<float> before = process.weights();
    const std::string error = error_of([&] { process.train(); });
    if (error != "no error") CHECK(same_bits(process.weights(), before));
    return error.substr(0, error.find(": the checkpoint"));
  };
  const auto differs = [&](const std::string& field) {
    return "checkpoint.run: " + (dir.path() / "checkpoint-4.safetensors").string() + ": " + field;
  };
  CHECK(refused([](auto& o) { o.learning_rate = 1e-3; }) == differs("learning_rate"));
  CHECK(refused([](auto& o) { o.batch_size = 3; }) == differs("batch_size"));
  CHECK(refused([](auto& o) { o.seed = 1; }) == differs("seed"));
  CHECK(refused([](auto& o) { o.warmup_steps = 1; }) == differs("warmup_steps"));
  CHECK(refused([](auto& o) { o.shuffle = false; }) == differs("shuffle"));
  CHECK(refused([](auto& o) {
          o.lr_multipliers = {{"lora_A", 2.0}};
        }) == differs("lr_multipliers.lora_A"));
  const auto nothing = [](auto&) {};
  CHECK(refused(nothing, [](auto& m) { m.add_adapter("a", lora_config(0.1)); }) ==
        differs("adapter_config.lora_dropout"));
  // The same configuration and shapes, other parts of c_attn.
  {
    solo::TrainerOptions parts = options;
    parts.output_dir = dir.path() / "parts";
    parts.resume = false;
    const auto with = [](const char* part) {
      return [part](auto& m) {
        m.add_adapter("a", solo::LoraConfig{.r = 2, .target_modules = {"c_attn.q", part}});
      };
    };
    Process<float>(parts, with("c_attn.v")).train();
    parts.resume = true;
    CHECK(error_of([&] {
            Process<float>(parts, with("c_attn.k")).train();
          }).find("adapter_metadata.solo_target_modules") != std::string::npos);
  }
  CHECK(refused(nothing, add_solo<float>).starts_with(differs("adapter_config.")));
  CHECK(refused(nothing, full<float>) == differs("adapter_config"));
  CHECK(refused(nothing, [](auto& m) {
          m.parameter("wpe.weight").value().span()[3] += 1.0F;
          add_lora(m);
        }) == differs("base_fingerprint"));
  {
    Process<float> process(options, add_lora<float>);
    CHECK(error_of([&] {
            process.trainer.train(tiny_data(11, 1), tiny_data(4, 7));
          }).starts_with(differs("train_data_fingerprint")));
    CHECK(error_of([&] {
            process.trainer.train(tiny_data());
          }).starts_with(differs("valid_data_fingerprint")));
    Process<double> wide(options, add_lora<double>);
    CHECK(error_of([&] { wide.train(); }).starts_with("checkpoint.run: "));
  }
  CHECK(refused([](auto& o) {
          o.logging_steps = 1;
          o.eval_steps = 2;
          o.eval_batch_size = 3;
          o.save_steps = 1;
          o.save_total_limit = 5;
        }) == "no error");
  CHECK(refused([](auto& o) {  // of a run that is at its end, and did not look for the best
          o.early_stopping = 9;
          o.load_best_model_at_end = true;
        }) == "no error");
}

TEST_CASE("a constant rate lets a finished run be made longer", "[resume]") {
  const solo::test::TempDir dir;
  solo::TrainerOptions options = options_in(dir.path() / "whole");
  options.lr_scheduler = solo::LrScheduler::constant_with_warmup;
  options.max_steps = 20;
  Process<float> reference(options, add_lora<float>);
  reference.train();
  options.output_dir = dir.path() / "parts";
  options.save_steps = 5;
  options.max_steps = 12;
  Process<float>(options, add_lora<float>).train();
  options.resume = true;
  options.max_steps = 20;
  Process<float> longer(options, add_lora<float>);
  CHECK(longer.train().resumed->step == 12);
  CHECK(same_bits(longer.weights(), reference.weights()));
  options.max_steps = 3;
  CHECK(error_of([&] {
          Process<float>(options, add_lora<float>).train();
        }).find("beyond the 3 st") != std::string::npos);
}

TEST_CASE("the best checkpoint is kept and returned to, and patience ends the run", "[resume]") {
  const solo::test::TempDir dir;
  // Validation data of another kind: learning the task makes it worse sooner or later.
  const solo::Dataset valid = solo::Dataset::from_ids(
      {{.ids = {5, 9, 2, 7, 11, 3, 19, 1}, .labels = {5, 9, 2, 7, 11, 3, 19, 1}}});
  solo::TrainerOptions options{.output_dir = dir.path(),
                               .max_steps = 200,
                               .batch_size = 4,
                               .learning_rate = 1e-2,
                               .eval_steps = 3,
                               .save_steps = 3,
                               .early_stopping = 4,
                               .load_best_model_at_end = true};
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  solo::Trainer trainer(model, options);
  std::vector<double> losses;
  trainer.on_eval([&](const solo::EvalInfo& e) { losses.push_back(e.eval_loss); });
  const solo::TrainResult result = trainer.train(tiny_data(), valid);
  const auto best = std::min_element(losses.begin(), losses.end());
  CHECK(result.stopped_early);
  CHECK_FALSE(result.stopped);
  CHECK(losses.end() - best == 5);  // and four that are not better
  CHECK(result.steps == 3 * static_cast<std::int64_t>(losses.size()));
  REQUIRE(result.best_eval_loss);
  CHECK(*result.best_eval_loss == *best);
  CHECK(result.best_step == 3 * (best - losses.begin() + 1));
  CHECK(*result.eval_loss == *best);
  CHECK(model.score(valid).loss == *best);
  const std::string name = solo::checkpoint_name(result.best_step);
  CHECK(checkpoints_in(dir.path()) ==
        std::vector<std::string>{solo::checkpoint_name(result.steps), name});
  const std::string state = solo::test::read(dir.path() / "trainer_state.json");
  CHECK(state.find("\"best_model_checkpoint\": \"" + (dir.path() / name).string()) !=
        std::string::npos);
  CHECK(state.find(solo::concat("\"best_global_step\": ", result.best_step)) != std::string::npos);

  // Resumed, it knows that its patience is at an end, and what was best.
  options.resume = true;
  solo::GPT2<float> other(learner_config(), {.threads = 1});
  solo::Trainer again(other, options);
  const solo::TrainResult same = again.train(tiny_data(), valid);
  CHECK(same.stopped_early);
  CHECK(same.steps == result.steps);
  CHECK(other.score(valid).loss == *best);
}

TEST_CASE("options that need others are refused", "[resume]") {
  solo::GPT2<float> model(learner_config(), {.threads = 1});
  const auto refused = [&](const solo::TrainerOptions& options) {
    return error_of([&] { solo::Trainer(model, options).train(tiny_data()); });
  };
  CHECK(refused({.save_steps = -1}).starts_with("config.range: save_steps"));
  CHECK(refused({.save_total_limit = -1}).starts_with("config.range: save_total_limit"));
  CHECK(refused({.early_stopping = -1}).starts_with("config.range: early_stopping"));
  CHECK(refused({.save_steps = 1}) == "train.options: save_steps: needs an output_dir");
  CHECK(refused({.early_stopping = 1}) ==
        "train.options: early_stopping: needs eval_steps above 0");
  CHECK(refused({.eval_steps = 1, .load_best_model_at_end = true})
            .starts_with("train.options: load_best_model_at_end: needs"));
  CHECK(refused({.resume = true}) == "train.options: resume: needs an output_dir or resume_from");
  CHECK(refused({.resume_from = "x"}) == "train.options: resume_from: needs resume");
  CHECK(refused({.eval_steps = 1, .early_stopping = 1}).ends_with("need validation data"));
}
