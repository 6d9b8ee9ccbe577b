// SPDX-License-Identifier: MIT
// The file of a checkpoint: what is written is read, and any damage is noticed.
#include <solo/adapters/adapters.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/train/checkpoint.hpp>
#include <solo/train/train_log.hpp>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "train/tiny.hpp"

#include <fcntl.h>
#include <limits>
#include <unistd.h>

namespace {

template <class T>
solo::Tensor<T> numbers(std::vector<solo::Index> shape, double first) {
  solo::Tensor<T> tensor(std::move(shape));
  for (T& x : tensor.span()) x = static_cast<T>(first += 1.0 / 3.0);
  return tensor;
}

/// A checkpoint of two tensors that train and one that does not.
template <class T>
struct Small {
  solo::Tensor<T> a = numbers<T>({2, 3}, 1.0);
  solo::Tensor<T> am = numbers<T>({2, 3}, -2.0);
  solo::Tensor<T> av = numbers<T>({2, 3}, 3.0);
  solo::Tensor<T> b = numbers<T>({1}, 4.0);
  solo::Tensor<T> bm = numbers<T>({1}, 5.0);
  solo::Tensor<T> bv = numbers<T>({1}, 6.0);
  solo::Tensor<T> c = numbers<T>({2}, -0.4);
  solo::RunState state = {.step = 7,
                          .learning_rate = 0.1 / 3,
                          .grad_norm = 1e-300,
                          .all = {.loss = 1.0 / 3, .scored_tokens = 5, .tokens = 9, .examples = 2},
                          .since_log = {.loss = 0.1},
                          .evaluated = 6,
                          .eval_loss = 2.0,
                          .best_metric = 1.5,
                          .best_step = 3,
                          .worse_evaluations = 1,
                          .log_history = {{.step = 3, .epoch = 0.7, .eval_loss = 1.5},
                                          {.step = 5, .epoch = 1.1, .loss = 2.5, .grad_norm = 3}}};
  std::string run = R"({"seed":42})";

  void write(const std::filesystem::path& path) const {
    const std::vector<solo::CheckpointTensorRef<T>> tensors = {
        {.name = "b", .value = &b, .m = &bm, .v = &bv, .updates = 6},
        {.name = "a.x", .value = &a, .m = &am, .v = &av, .updates = 7},
        {.name = "c", .value = &c}};
    solo::write_checkpoint<T>(path, {.state = state, .run = run, .tensors = tensors});
  }
};

template <class T>
std::string error_of(const std::filesystem::path& path) {
  try {
    solo::verify_checkpoint<T>(path);
  } catch (const solo::Error& error) {
    CHECK(std::string_view(error.what()).find(path.filename().string()) != std::string::npos);
    return std::string(error.id());
  }
  return "no error";
}

template <class T>
bool equal(const solo::Tensor<T>& a, const solo::Tensor<T>& b) {
  return a.shape() == b.shape() &&
         std::equal(a.span().begin(), a.span().end(), b.span().begin(), b.span().end());
}

template <class T>
void check_round_trip() {
  const solo::test::TempDir dir;
  const std::filesystem::path path = dir.path() / "checkpoint-7.safetensors";
  const Small<T> small;
  small.write(path);
  const solo::Checkpoint<T> read = solo::read_checkpoint<T>(path);
  CHECK(read.run == small.run);
  CHECK(read.state.to_json() == small.state.to_json());
  REQUIRE(read.state.log_history.size() == small.state.log_history.size());
  for (std::size_t i = 0; i < read.state.log_history.size(); ++i) {
    CHECK(solo::to_json_line(read.state.log_history[i]) ==
          solo::to_json_line(small.state.log_history[i]));
  }
  CHECK(read.state.learning_rate == small.state.learning_rate);
  CHECK_FALSE(read.state.initial_eval_loss);
  REQUIRE(read.tensors.size() == 3);
  CHECK(read.tensors[0].name == "a.x");
  CHECK(equal(read.tensors[0].value, small.a));
  CHECK(equal(read.tensors[0].m, small.am));
  CHECK(equal(read.tensors[0].v, small.av));
  CHECK(read.tensors[0].updates == 7);
  CHECK(equal(read.tensors[1].v, small.bv));
  CHECK(read.tensors[1].updates == 6);
  CHECK_FALSE(read.tensors[2].trains);
  CHECK(equal(read.tensors[2].value, small.c));
  // Written again, the file is the same.
  small.write(dir.path() / "again");
  CHECK(solo::test::read(path) == solo::test::read(dir.path() / "again"));
}

/// Flips each bit in turn; how many files were read all the same.
std::size_t unnoticed_flips(const std::filesystem::path& path) {
  const std::string good = solo::test::read(path);
  REQUIRE(good.size() > 1000);
  const int file = ::open(path.c_str(), O_RDWR);
  REQUIRE(file >= 0);
  std::size_t unnoticed = 0;
  std::size_t written = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    const auto at = static_cast<off_t>(i);
    for (unsigned bit = 0; bit < 8; ++bit) {
      const auto byte = static_cast<char>(static_cast<unsigned char>(good[i]) ^ (1U << bit));
      written += ::pwrite(file, &byte, 1, at) == 1 ? 1U : 0U;
      try {
        solo::verify_checkpoint<float>(path);
        ++unnoticed;
      } catch (const solo::Error&) {
      }
    }
    written += ::pwrite(file, &good[i], 1, at) == 1 ? 1U : 0U;
  }
  ::close(file);
  CHECK(written == 9 * good.size());
  return unnoticed;
}

}  // namespace

TEST_CASE("a checkpoint is read as it was written, in full precision", "[checkpoint]") {
  check_round_trip<float>();
  check_round_trip<double>();
}

TEST_CASE("every flipped bit of a checkpoint is noticed", "[checkpoint]") {
  const solo::test::TempDir dir;
  const std::filesystem::path path = dir.path() / "checkpoint-7.safetensors";
  Small<float>().write(path);
  CHECK(unnoticed_flips(path) == 0);
  CHECK(error_of<float>(path) == "no error");
}

TEST_CASE("every flipped bit of a checkpoint of a run is noticed", "[checkpoint]") {
  const solo::test::TempDir dir;
  solo::GPT2<float> model(solo::test::learner_config(), {.threads = 1});
  model.add_adapter("a", solo::LoraConfig{.r = 1});
  solo::Trainer trainer(
      model, {.output_dir = dir.path(), .max_steps = 2, .logging_steps = 1, .save_steps = 2});
  const solo::TrainResult result = trainer.train(solo::test::tiny_data());
  CHECK(unnoticed_flips(result.checkpoint) == 0);
  CHECK(error_of<float>(result.checkpoint) == "no error");
}

TEST_CASE("every truncation of a checkpoint is noticed, and bytes behind it", "[checkpoint]") {
  const solo::test::TempDir dir;
  const std::filesystem::path path = dir.path() / "checkpoint-7.safetensors";
  Small<float>().write(path);
  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size + 1);
  CHECK(error_of<float>(path) == "safetensors.length");
  for (std::uintmax_t length = size; length-- > 0;) {
    std::filesystem::resize_file(path, length);
    CHECK(error_of<float>(path).starts_with("safetensors."));
  }
}

TEST_CASE("a section or tensor that is not there is an error", "[checkpoint]") {
  const solo::test::TempDir dir;
  const std::filesystem::path path = dir.path() / "checkpoint-7.safetensors";
  const Small<float> small;
  small.write(path);
  const auto file = solo::SafetensorsFile::open(path);
  const auto original = file.metadata();
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, std::vector<solo::Index>> shapes;
  for (const solo::TensorInfo& info : file.tensors()) {
    values[info.name].resize(static_cast<std::size_t>(info.size()));
    file.read(info, std::span(values[info.name]));
    shapes[info.name] = info.shape;
  }
  // Well-formed files, headers sealed, with something changed.
  const auto rewritten = [&](const auto& change) {
    auto metadata = original;
    auto tensors = shapes;
    change(metadata, tensors);
    std::vector<solo::TensorRef> refs;
    for (const auto& [name, shape] : tensors) {
      refs.push_back({name, shape, std::span<const double>(values[name])});
      if (name == "log.entries") refs.back().dtype = solo::DType::float64;
    }
    solo::write_safetensors(path, refs, {.metadata = metadata, .checksum_key = "checksum.header"});
    return error_of<float>(path);
  };
  CHECK(rewritten([](auto&, auto&) {}) == "no error");
  for (const char* key :
       {"state", "run", "updates", "checksum.log", "checksum.m", "checksum.v", "checksum.value"}) {
    INFO(key);
    CHECK(rewritten([&](auto& m, auto&) { m.erase(key); }) == "checkpoint.missing");
    CHECK(rewritten([&](auto& m, auto&) {
            m.erase(key);
            m["other"] = "";
          }) == "checkpoint.missing");
  }
  CHECK(rewritten([](auto& m, auto&) { m.erase("solo_checkpoint"); }) == "checkpoint.missing");
  CHECK(rewritten([](auto& m, auto&) { m["solo_checkpoint"] = "1"; }) == "checkpoint.version");
  CHECK(rewritten([](auto& m, auto&) { m["checksum.v"] = m["checksum.m"]; }) ==
        "checkpoint.checksum");
  CHECK(rewritten([](auto&, auto& t) { t.erase("log.entries"); }) == "checkpoint.checksum");
  CHECK(rewritten([](auto&, auto& t) { t["log.entries"] = {7, 2}; }) == "checkpoint.log");
  CHECK(rewritten([](auto& m, auto&) { m["updates"] = "[1]"; }) == "checkpoint.tensors");
  CHECK(rewritten([](auto& m, auto&) { m["updates"] = "[1,-1]"; }) == "json.range");
  CHECK(rewritten([](auto& m, auto&) { m["state"] = "{}"; }) == "json.missing");
  CHECK(rewritten([](auto& m, auto&) { m["state"].insert(1, "\"more\":1,"); }) ==
        "json.unknown_key");
  for (const char* name : {"m.a.x", "v.a.x", "v.b", "value.a.x"}) {
    INFO(name);
    CHECK(rewritten([&](auto&, auto& t) { t.erase(name); }) == "checkpoint.tensors");
  }
  CHECK(rewritten([](auto&, auto& t) { t["m.a.x"] = {3, 2}; }) == "checkpoint.tensors");
  CHECK(rewritten([](auto&, auto& t) {
          t.erase("v.a.x");
          t.erase("v.b");
        }) == "checkpoint.missing");
  CHECK(rewritten([](auto&, auto& t) { t["extra"] = {0}; }) == "checkpoint.tensors");
  CHECK(rewritten([](auto&, auto& t) { t["value."] = {0}; }) == "checkpoint.tensors");
}

TEST_CASE("a checkpoint of another precision, or none, is refused", "[checkpoint]") {
  const solo::test::TempDir dir;
  const std::filesystem::path path = dir.path() / "checkpoint-7.safetensors";
  Small<double>().write(path);
  CHECK(error_of<float>(path) == "checkpoint.run");
  const std::vector<float> one = {1.0F};
  const std::vector<solo::TensorRef> refs = {{"value.a", {1}, std::span<const float>(one)}};
  solo::write_safetensors(path, refs);
  CHECK(error_of<float>(path) == "checkpoint.missing");
  solo::write_safetensors(path, refs, {.metadata = {{"solo_checkpoint", "1"}}});
  CHECK(error_of<float>(path) == "safetensors.checksum");
}

TEST_CASE("a number that is not finite is never saved", "[checkpoint]") {
  const solo::test::TempDir dir;
  const std::filesystem::path path = dir.path() / "checkpoint-7.safetensors";
  Small<float> small;
  small.write(path);
  const std::string before = solo::test::read(path);
  small.bv.span()[0] = std::numeric_limits<float>::infinity();
  try {
    small.write(path);
    FAIL("written");
  } catch (const solo::NumericError& error) {
    CHECK(error.id() == "numeric.nonfinite");
    CHECK(std::string(error.what()).find("'v.b'") != std::string::npos);
  }
  CHECK(solo::test::read(path) == before);
}

TEST_CASE("checkpoints are found by their names", "[checkpoint]") {
  const solo::test::TempDir dir;
  CHECK(solo::find_checkpoints(dir.path() / "none").empty());
  for (const char* name :
       {"checkpoint-7.safetensors", "checkpoint-10.safetensors", "checkpoint-07.safetensors",
        "checkpoint-0.safetensors", "checkpoint--3.safetensors", "checkpoint-8.safetensors.old",
        "checkpoint-99999999999999999999.safetensors", "adapter.safetensors"}) {
    std::ofstream(dir.path() / name) << "x";
  }
  const std::vector<solo::CheckpointFile> found = solo::find_checkpoints(dir.path());
  REQUIRE(found.size() == 2);
  CHECK(found[0].step == 10);
  CHECK(found[1].step == 7);
}

TEST_CASE("a checkpoint has room for any number of log entries", "[checkpoint]") {
  const solo::test::TempDir dir;
  const std::filesystem::path path = dir.path() / "checkpoint-7.safetensors";
  Small<float> small;
  constexpr int kEntries = 200000;  // in JSON 25 MB, more than a string of metadata may have
  small.state.log_history.clear();
  for (int i = 1; i <= kEntries; ++i) {
    small.state.log_history.push_back({.step = i, .epoch = i / 3.0, .loss = 1.0 / i});
  }
  small.write(path);
  CHECK(std::filesystem::file_size(path) < kEntries * 56 + 4096);
  const solo::Checkpoint<float> read = solo::read_checkpoint<float>(path);
  REQUIRE(read.state.log_history.size() == kEntries);
  const solo::LogEntry& last = read.state.log_history.back();
  CHECK(last.step == kEntries);
  CHECK(last.epoch == kEntries / 3.0);
  CHECK(last.loss == 1.0 / kEntries);
  CHECK_FALSE(last.eval_loss);
}
