// SPDX-License-Identifier: MIT
// A prefix cache changes no bit of a run, and is never used where it does not belong.
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/prefix_runs.hpp"

#include <fstream>
#include <functional>

using namespace solo;
using namespace solo::test::prefix;
using solo::test::check_throws;
using solo::test::TempDir;

namespace {

struct Case {
  std::string name;
  Attach<float> attach;
  FrozenPrefix prefix;
};

template <class Config>
Case adapter(std::string name, const Config& c, FrozenPrefix prefix) {
  return {std::move(name), [c](GPT2<float>& m) { m.add_adapter("a", c); }, std::move(prefix)};
}

std::vector<Case> cases() {
  const auto links = [](SoloLinks list, SoloSource source = SoloSource::corrected) {
    return SoloConfig{.r = 3, .links = std::move(list), .source = source, .dropout = 0.2};
  };
  return {
      adapter("stride 1", SoloConfig{.r = 3, .stride = 1, .dropout = 0.2}, {2, {1, 2}}),
      adapter("stride 2", SoloConfig{.r = 3, .stride = 2}, {4, {2, 4}}),
      adapter("stride 3", SoloConfig{.r = 3, .stride = 3}, {6, {3, 6}}),
      adapter("mirror", links(SoloLinks::mirror), {4, {1, 2, 4}}),
      adapter("last", links(SoloLinks::last), {6, {1, 2, 3, 4, 5, 6}}),
      adapter("raw", links({{0, 3}, {3, 5}, {2, 6}}, SoloSource::raw), {3, {0, 2, 3}}),
      adapter("self", links({{3, 3}, {1, 3}, {5, 5}}), {3, {1, 3}}),
      adapter("self, last", links({{6, 6}}), {6, {6}}),
      adapter("lora", LoraConfig{.r = 2, .lora_dropout = 0.1, .layers_to_transform = {4, 5}},
              {4, {4}}),
      adapter("lora on the head",
              LoraConfig{.r = 2, .lora_dropout = 0.1, .target_modules = {"lm_head"}}, {6, {6}}),
      adapter("norms", LayerNormConfig{.target_modules = {"h.5.ln_1", "ln_f"}}, {5, {5}}),
      adapter("last norm", LayerNormConfig{.target_modules = {"ln_f"}}, {6, {6}}),
      {"upper blocks",
       [](GPT2<float>& m) {
         for (Parameter<float>* p : m.parameters()) {
           p->set_requires_grad(p->name().starts_with("h.3") || p->name().starts_with("h.5"));
         }
       },
       {3, {3}}},
  };
}

}  // namespace

TEST_CASE("The frozen prefix is what lies below an adapter's lowest place", "[prefix]") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    CHECK(Run{.attach = c.attach}.model().frozen_prefix() == c.prefix);
  }
  // Nothing is below these.
  const std::vector<Case> whole = {
      adapter("lora", LoraConfig{.r = 2}, {0, {0}}),
      adapter("lora on the embedding", LoraConfig{.r = 2, .target_modules = {"wte"}}, {0, {0}}),
      adapter("bitfit", BitFitConfig{}, {0, {0}}),
      adapter("embedding",
              LoraConfig{.r = 2, .layers_to_transform = {5}, .modules_to_save = {"wpe"}}, {0, {0}}),
      adapter("first output", SoloConfig{.r = 2, .links = SoloLinks{{0, 1}, {0, 2}}}, {1, {0, 1}}),
      {"full", [](GPT2<float>&) {}, {0, {0}}},
  };
  for (const Case& c : whole) {
    CAPTURE(c.name);
    CHECK(Run{.attach = c.attach}.model().frozen_prefix() == c.prefix);
  }
}

TEST_CASE("A run with a prefix cache has the bits of one without", "[prefix]") {
  const Index rows = PrefixLayout(contexts()).rows();
  for (const Case& c : cases()) {
    for (const bool shared : {false, true}) {
      CAPTURE(c.name, shared);
      const TempDir dir;
      Run run{.attach = c.attach, .options = {.share_context = shared}};
      const Outcome expected = run();
      CHECK(!expected.result.prefix_cache);
      for (const PrefixCacheOptions& cache : {in_memory(), in_file(dir.path() / "cache")}) {
        run.options.prefix_cache = cache;
        const Outcome found = run();
        check_same(found, expected);
        REQUIRE(found.result.prefix_cache);
        const PrefixCacheInfo& info = *found.result.prefix_cache;
        CHECK(info.blocks == c.prefix.blocks);
        CHECK(info.rows_left_out == 0);
        CHECK(info.rows_read > 2 * rows);
        const auto outputs = static_cast<std::int64_t>(c.prefix.outputs.size());
        CHECK(info.bytes == rows * outputs * config().n_embd * 4);
      }
      // Another run, other batches: all of it is in the file.
      run.options.seed = 9;
      run.options.share_context = !shared;
      const Outcome again = run();
      CHECK(again.result.prefix_cache->rows_computed == 0);
      run.options.prefix_cache = {};
      check_same(again, run());
    }
  }
}

TEST_CASE("Every piece is computed once, with the context it needs", "[prefix]") {
  const Dataset data = contexts();
  GPT2<float> model = Run{.attach = add_solo()}.model();
  PrefixCache<float> cache(model, data, in_memory());
  const PrefixLayout layout(data);
  CHECK(layout.pieces() == 4 + 12 + 2);
  Tape<float> tape;
  for (const bool shared : {false, true}) {
    for (int step = 0; step < 5; ++step) {
      const Batch batch = data.batch({.step = step, .size = 3, .share_context = shared});
      const float expected = model.loss(tape, batch).item();
      CHECK(model.loss(tape, batch, {}, &cache).item() == expected);
    }
  }
  // Contexts are computed again where a new example needs their keys and values, never otherwise.
  const PrefixCacheInfo info = cache.info();
  CHECK(info.rows_computed >= layout.rows());
  CHECK(info.rows_computed < 2 * layout.rows());
  CHECK(info.bytes == layout.rows() * 2 * config().n_embd * 4);
}

TEST_CASE("Beyond the limit of bytes rows are computed each time", "[prefix]") {
  const Index rows = PrefixLayout(contexts()).rows();
  const TempDir dir;
  Run run{.attach = add_solo(), .options = {.share_context = true}};
  const Outcome expected = run();
  for (PrefixCacheOptions cache : {in_memory(), in_file(dir.path() / "cache")}) {
    cache.max_bytes = 1500;
    run.options.prefix_cache = cache;
    const Outcome found = run();
    check_same(found, expected);
    const PrefixCacheInfo& info = *found.result.prefix_cache;
    CHECK(info.rows_left_out > 0);
    CHECK(info.rows_left_out < rows);
    CHECK(info.bytes == (rows - info.rows_left_out) * 64);
    CHECK(info.bytes <= 1500);
    CHECK(info.rows_computed > rows);
  }
  CHECK(std::filesystem::file_size(dir.path() / "cache") <= 1500);
  // What is there is used under a larger limit too; a smaller one is an error.
  run.options.prefix_cache.max_bytes = 1 << 20;
  check_same(run(), expected);
  run.options.prefix_cache.max_bytes = 1000;
  check_throws<ConfigError>(run, "prefix_cache.limit", {"cache", "1000"});
  run.options.prefix_cache.file = dir.path() / "other";
  run.options.prefix_cache.max_bytes = 10;
  check_throws<ConfigError>(run, "prefix_cache.limit", {"other", "limit of 10"});
  run.options.prefix_cache = in_memory();
  run.options.prefix_cache.max_bytes = 10;
  check_throws<ConfigError>(run, "prefix_cache.limit", {"memory", "limit of 10"});
  CHECK(!std::filesystem::exists(dir.path() / "other"));
}

TEST_CASE("With bfloat16 a result does not depend on what the cache holds", "[prefix]") {
  const TempDir dir;
  Run run{.attach = add_solo({.r = 3, .stride = 2, .gate_init = 1.0, .init = SoloInit::identity})};
  const Outcome full = run();
  run.options.prefix_cache = in_memory(DType::bfloat16);
  const Outcome expected = run();
  run.options.prefix_cache.max_bytes = 700;
  check_same(run(), expected);
  run.options.prefix_cache = in_file(dir.path() / "cache", DType::bfloat16);
  check_same(run(), expected);
  check_same(run(), expected);
  CHECK(expected.weights != full.weights);
  CHECK(*expected.result.train_loss == test::Approx(*full.result.train_loss).epsilon(2e-3));
  CHECK(*expected.result.eval_loss == test::Approx(*full.result.eval_loss).epsilon(2e-3));
}

TEST_CASE("Double models keep their rows in full", "[prefix]") {
  const Dataset data = contexts();
  GPT2<double> model(config(), {.seed = 5});
  model.add_adapter("a", SoloConfig{.r = 3, .stride = 2});
  const TempDir dir;
  PrefixCache<double> cache(model, data, in_file(dir.path() / "cache"));
  Tape<double> tape;
  const Batch batch = data.batch({.size = 6});
  const double expected = model.loss(tape, batch).item();
  CHECK(model.loss(tape, batch, {}, &cache).item() == expected);
  CHECK(model.loss(tape, batch, {}, &cache).item() == expected);
  CHECK(cache.info().rows_read > 0);
}

TEST_CASE("A run that was stopped goes on with its cache, to the bit", "[prefix]") {
  const TempDir dir;
  Run run{.attach = add_solo(), .options = {.share_context = true}};
  run.options.shuffle_by_context = true;
  run.options.prefix_cache = in_file(dir.path() / "cache");
  run.options.output_dir = dir.path() / "whole";
  const Outcome expected = run();
  std::filesystem::remove(dir.path() / "cache");
  for (const int step : {1, 2, 6}) {
    CAPTURE(step);
    run.options.output_dir = dir.path() / std::to_string(step);
    run.options.resume = false;
    run.stop_after = step;
    CHECK(run().result.stopped);
    run.options.resume = true;
    run.stop_after = 0;
    const Outcome found = run();
    check_same(found, expected);
    CHECK(found.result.prefix_cache->rows_read > 0);
  }
  // In full it changes no number, so that a run may go on without it. Rounded it does.
  run.options.resume = false;
  run.options.output_dir = dir.path() / "other";
  run.stop_after = 2;
  CHECK(run().result.stopped);
  run.options.resume = true;
  run.stop_after = 0;
  run.options.prefix_cache = in_memory(DType::bfloat16);
  check_throws<ConfigError>(run, "checkpoint.run", {"prefix_cache_dtype", "none", "bfloat16"});
  run.options.prefix_cache = {};
  check_same(run(), expected);
}

TEST_CASE("A prefix cache that cannot be is refused", "[prefix]") {
  const TempDir dir;
  const PrefixCacheOptions cache = in_file(dir.path() / "cache");
  const auto refused = [&](const Attach<float>& attach) {
    check_throws<ConfigError>(Run{.attach = attach, .options = {.prefix_cache = cache}},
                              "prefix_cache.none", {"first block"});
  };
  refused([](GPT2<float>& m) { m.add_adapter("a", LoraConfig{.r = 2}); });
  refused([](GPT2<float>&) {});
  const auto bad = [](const TrainerOptions& options, const char* id, const char* what) {
    check_throws<ConfigError>([&] { options.validate(); }, id, {"prefix_cache", what});
  };
  bad({.model_dropout = true, .prefix_cache = in_memory()}, "train.options", "model_dropout");
  check_throws<ConfigError>(
      [] { TrainerOptions{.shuffle = false, .shuffle_by_context = true}.validate(); },
      "train.options", {"shuffle_by_context"});
  bad({.prefix_cache = {.mode = PrefixCacheMode::file}}, "train.options", "path");
  bad({.prefix_cache = {.file = "x"}}, "train.options", "path");
  bad({.prefix_cache = {.mode = static_cast<PrefixCacheMode>(9)}}, "config.value", "9");
  bad({.prefix_cache = {.max_bytes = 0}}, "config.range", "max_bytes");
  bad({.prefix_cache = {.dtype = DType::float16}}, "config.range", "float16");
  CHECK(!std::filesystem::exists(cache.file));

  // A source of another prefix or data, or for a pass that has dropout in its prefix.
  const Dataset data = contexts();
  GPT2<float> model = Run{.attach = add_solo()}.model();
  PrefixCache<float> source(model, data, in_memory());
  Tape<float> tape;
  const Batch batch = data.batch();
  check_throws<ConfigError>(
      [&] { (void)model.loss(tape, batch, {.model_dropout = true}, &source); }, "prefix.dropout",
      {"model_dropout"});
  const Batch others = contexts(1).batch();
  check_throws<ShapeError>([&] { (void)model.loss(tape, others, {}, &source); },
                           "prefix_cache.batch", {"segment"});
  Batch unknown = batch;
  unknown.segment_examples.clear();
  check_throws<ShapeError>([&] { (void)model.loss(tape, unknown, {}, &source); },
                           "prefix_cache.batch", {"segment 0"});
  unknown.segment_examples.assign(batch.segments.size(), 14);
  check_throws<ShapeError>([&] { (void)model.loss(tape, unknown, {}, &source); },
                           "prefix_cache.batch", {"segment 0"});
  const Index rows = batch.rows();
  std::vector<float> memory(static_cast<std::size_t>(rows) * 8);
  const MatrixView<float> good(memory.data(), rows, 8);
  for (const std::vector<MatrixView<float>>& outputs : {std::vector<MatrixView<float>>{},
                                                        {good},
                                                        {good, good, good},
                                                        {good, {memory.data(), rows - 1, 8}},
                                                        {good, {memory.data(), rows, 7}}}) {
    check_throws<ShapeError>([&] { source.fill(batch, outputs); }, "shape.mismatch", {"fill"});
  }
  for (const MatrixView<float>& output :
       {MatrixView<float>(nullptr, rows, 8), MatrixView<float>(memory.data(), rows, 8, 7)}) {
    check_throws<ShapeError>(
        [&] {
          source.fill(batch, std::vector{good, output});
        },
        "shape.view", {"fill"});
  }
  model.add_adapter("b", SoloConfig{.r = 3, .stride = 1});
  check_throws<ConfigError>([&] { (void)model.loss(tape, batch, {}, &source); }, "prefix.other",
                            {"2 blocks, outputs 1 2", "4 blocks, outputs 2 4"});
}
