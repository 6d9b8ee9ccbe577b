// SPDX-License-Identifier: MIT
// A prefix cache changes no bit of a run, and is never used where it does not belong.
#include <solo/adapters/adapters.hpp>
#include <solo/train/train.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <cstring>
#include <fstream>
#include <functional>

using namespace solo;
using solo::test::check_throws;
using solo::test::TempDir;

namespace {

GPT2Config config() {
  return {.vocab_size = 23,
          .n_positions = 16,
          .n_embd = 8,
          .n_layer = 6,
          .n_head = 2,
          .bos_token_id = -1,
          .eos_token_id = -1};
}

/// Three examples for each of four contexts, and two without one; `shift` makes other ids.
Dataset contexts(int shift = 0) {
  std::vector<Example> examples;
  for (int i = 0; i < 14; ++i) {
    Example example;
    const int context = i < 12 ? 3 + i / 3 : 0;
    for (int t = 0; t < context; ++t) {
      example.ids.push_back((i / 3 * 5 + t + shift) % 23);
      example.labels.push_back(kIgnoreIndex);
    }
    for (int t = 0; t < 2 + i % 4; ++t) {
      example.ids.push_back((i + 3 * t) % 23);
      example.labels.push_back(example.ids.back());
    }
    example.context_length = context;
    examples.push_back(std::move(example));
  }
  return Dataset::from_ids(std::move(examples));
}

template <class T>
using Attach = std::function<void(GPT2<T>&)>;

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

/// A run and what it left.
struct Outcome {
  TrainResult result;
  std::vector<float> weights;
};

struct Run {
  Attach<float> attach;
  TrainerOptions options = {};
  int stop_after = 0;
  std::uint64_t base_seed = 5;
  int data_shift = 0;

  GPT2<float> model() const {
    GPT2<float> m(config(), {.threads = 2, .seed = base_seed});
    attach(m);
    return m;
  }
  Outcome operator()() const {
    GPT2<float> m = model();
    TrainerOptions o = options;
    o.epochs = 4;
    o.batch_size = 3;
    o.gradient_accumulation_steps = 2;
    o.learning_rate = 1e-2;
    Trainer<float> trainer(m, o);
    if (stop_after > 0) {
      trainer.on_step([this](const StepInfo& s) { return s.step == stop_after; });
    }
    Outcome outcome{.result = trainer.train(contexts(data_shift), test::tiny_data(4, 7)),
                    .weights = {}};
    for (Parameter<float>* p : m.trainable_parameters()) {
      outcome.weights.insert(outcome.weights.end(), p->value().span().begin(),
                             p->value().span().end());
    }
    return outcome;
  }
};

Attach<float> add_solo(SoloConfig c = {.r = 3, .stride = 2, .dropout = 0.2}) {
  return [c](GPT2<float>& m) { m.add_adapter("a", c); };
}

void check_same(const Outcome& a, const Outcome& b) {
  CHECK(a.result.train_loss == b.result.train_loss);
  CHECK(a.result.eval_loss == b.result.eval_loss);
  REQUIRE(a.weights.size() == b.weights.size());
  CHECK(std::memcmp(a.weights.data(), b.weights.data(), a.weights.size() * sizeof(float)) == 0);
}

PrefixCacheOptions in_memory(DType dtype = DType::float32) {
  return {.mode = PrefixCacheMode::memory, .dtype = dtype};
}
PrefixCacheOptions in_file(const std::filesystem::path& file, DType dtype = DType::float32) {
  return {.mode = PrefixCacheMode::file, .file = file, .dtype = dtype};
}

/// Where the data of a safetensors file begins.
std::size_t header_size(const std::string& bytes) {
  std::size_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  return 8 + size;
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

TEST_CASE("A cache file of something else is refused, and which is said", "[prefix]") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "cache";
  const Run good{.attach = add_solo(), .options = {.prefix_cache = in_file(file)}};
  const Outcome expected = good();
  const std::string before = test::read(file);

  Run other = good;
  other.base_seed = 6;
  check_throws<ConfigError>(other, "prefix_cache.base", {"cache", "another base model", "found"});
  other = good;
  other.data_shift = 1;
  check_throws<ConfigError>(other, "prefix_cache.data", {"cache", "another tokenizer", "found"});
  other = good;
  other.attach = add_solo({.r = 3, .stride = 1});
  check_throws<ConfigError>(other, "prefix_cache.prefix",
                            {"cache", "2 blocks, outputs 1 2", "4 blocks, outputs 2 4"});
  other = good;
  other.options.prefix_cache.dtype = DType::bfloat16;
  check_throws<ConfigError>(other, "prefix_cache.prefix", {"cache", "BF16", "F32"});
  if (active_isa() != Isa::scalar) {
    const ScopedIsa scalar(Isa::scalar);
    check_throws<ConfigError>(good, "prefix_cache.prefix", {"scalar"});
  }
  // Nothing was changed, and it serves its own run, of whatever adapter has the same prefix.
  CHECK(test::read(file) == before);
  other = good;
  other.attach = add_solo({.r = 5, .stride = 2, .share = SoloShare::none});
  CHECK(other().result.prefix_cache->rows_computed == 0);
  check_same(good(), expected);
  // Asked to, it is replaced.
  other = good;
  other.base_seed = 6;
  other.options.prefix_cache.rebuild = true;
  const Outcome rebuilt = other();
  CHECK(rebuilt.result.prefix_cache->rows_computed > 0);
  other.options.prefix_cache.rebuild = false;
  CHECK(other().result.prefix_cache->rows_computed == 0);
  other.options.prefix_cache = {};
  check_same(rebuilt, other());
}

TEST_CASE("A damaged cache file is refused, or replaced when asked", "[prefix]") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "cache";
  Run run{.attach = add_solo(), .options = {.prefix_cache = in_file(file)}};
  const Outcome expected = run();
  const std::string good = test::read(file);
  const auto put = [&](const std::string& bytes) { std::ofstream(file) << bytes; };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    REQUIRE(bytes.find(from) != std::string::npos);
    return bytes.replace(bytes.find(from), from.size(), to);
  };

  const auto not_safetensors = [&] {
    try {
      static_cast<void>(run());
      FAIL("accepted");
    } catch (const FormatError& error) {
      CAPTURE(error.what());
      CHECK(error.id().substr(0, 12) == "safetensors.");
      CHECK(std::string(error.what()).find("cache") != std::string::npos);
    }
  };
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{200}, good.size() / 2, good.size() - 1}) {
    CAPTURE(size);
    put(good.substr(0, size));
    not_safetensors();
  }
  put(good + "x");
  not_safetensors();
  put("not a safetensors file at all, but long enough for a header");
  not_safetensors();
  put(replaced("\"solo_prefix_cache\"", "\"solo_prefix_cachE\""));
  check_throws<FormatError>(run, "prefix_cache.format", {"cache", "'solo_prefix_cache'"});
  put(replaced("\"solo_prefix_cache\":\"1\"", "\"solo_prefix_cache\":\"2\""));
  check_throws<FormatError>(run, "prefix_cache.version", {"version 1", "'2'"});
  put(replaced("\"checksums\"", "\"checksumz\""));
  check_throws<FormatError>(run, "prefix_cache.format", {"header", "damaged"});
  put(replaced("\"U64\"", "\"I64\""));
  check_throws<FormatError>(run, "prefix_cache.format", {"header", "damaged"});
  // A bit of each byte of the header and of some of what follows: checksums and rows.
  const std::size_t header = header_size(good);
  for (std::size_t at = 0; at < good.size(); at += at < header ? 1 : 279) {
    CAPTURE(at);
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    put(bytes);
    bool refused = false;
    try {
      (void)run();
    } catch (const Error& error) {
      refused = true;
      INFO(error.what());
      CHECK(std::string(error.what()).find("cache") != std::string::npos);
    }
    CHECK(refused);
  }

  run.options.prefix_cache.rebuild = true;
  check_same(run(), expected);
  run.options.prefix_cache.rebuild = false;
  const Outcome again = run();
  check_same(again, expected);
  CHECK(again.result.prefix_cache->rows_computed == 0);
  // A run that found damage in the middle of its work has changed nothing.
  std::string bytes = good;
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(bytes);
  check_throws<FormatError>(run, "prefix_cache.checksum", {"cache", "piece 17 of 18"});
  CHECK(test::read(file) == bytes);

  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  check_throws<IoError>(run, "io.not_regular", {"cache", "directory"});
  run.options.prefix_cache.file = dir.path() / "missing" / "cache";
  check_throws<IoError>(run, "io.create", {"missing"});
}

TEST_CASE("What a killed run left of a cache file is used", "[prefix]") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "cache";
  Run run{.attach = add_solo(), .options = {.prefix_cache = in_file(file)}};
  run.stop_after = 1;
  const PrefixCacheInfo first = *run().result.prefix_cache;
  run.stop_after = 0;
  const Outcome found = run();
  const Index rows = PrefixLayout(contexts()).rows();
  CHECK(first.bytes < rows * 64);
  CHECK(found.result.prefix_cache->bytes == rows * 64);
  // A piece without its checksum was not finished.
  std::string bytes = test::read(file);
  const auto checksums = bytes.begin() + static_cast<std::ptrdiff_t>(header_size(bytes));
  std::fill_n(checksums, 8, '\0');
  std::fill_n(checksums + 18 * 8, 50, '?');
  std::ofstream(file) << bytes;
  const Outcome again = run();
  CHECK(again.result.prefix_cache->rows_computed > 0);
  run.options.prefix_cache = {};
  check_same(again, run());
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
  model.add_adapter("b", SoloConfig{.r = 3, .stride = 1});
  check_throws<ConfigError>([&] { (void)model.loss(tape, batch, {}, &source); }, "prefix.other",
                            {"2 blocks, outputs 1 2", "4 blocks, outputs 2 4"});
}
