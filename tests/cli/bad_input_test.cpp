// SPDX-License-Identifier: MIT
// The contract on bad input, by the program: exit status 1, one error line that names what is
// wrong, nothing on stdout, nothing written; within 4 GiB of address space and 300 MB above a
// normal run.
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>

#include "cli/program.hpp"

#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <sys/stat.h>

using namespace solo;
using test::Outcome;
using test::solo_program;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

/// A model with tokenizer, a LoRA and a Solo adapter, and data: what a case spoils.
class Bench {
 public:
  Bench() {
    test::model_with_tokenizer(dir_);
    fs::copy(test::golden_dir() / "lora" / "c-attn-r4", lora());
    fs::copy(test::golden_dir() / "solo" / "bare", solo());
    write(ids(), "{\"input_ids\": [1, 2, 3]}\n");
    write(data(), "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
  }
  [[nodiscard]] const TempDir& dir() const { return dir_; }
  [[nodiscard]] fs::path model() const { return dir_.path() / "model"; }
  [[nodiscard]] fs::path weights() const { return model() / "model.safetensors"; }
  [[nodiscard]] fs::path config() const { return model() / "config.json"; }
  [[nodiscard]] fs::path lora() const { return dir_.path() / "lora"; }
  [[nodiscard]] fs::path solo() const { return dir_.path() / "solo"; }
  [[nodiscard]] fs::path ids() const { return dir_.path() / "ids.jsonl"; }
  [[nodiscard]] fs::path data() const { return dir_.path() / "data.jsonl"; }
  [[nodiscard]] fs::path output() const { return dir_.path() / "out"; }

  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  /// Puts a JSON text for the value of a key of a file; a key that is not there is added.
  static void set(const fs::path& path, const std::string& key, const std::string& value) {
    Json json = read_json_file(path);
    json[key] = "@";
    std::string text = dump_line(json);
    text.replace(text.find("\"@\""), 3, value);
    write(path, text);
  }
  /// Changes the JSON header of a safetensors file as text, at the same length.
  static void overwrite(const fs::path& path, const std::string& from, const std::string& to) {
    std::string bytes = test::slurp(path);
    const std::size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    REQUIRE(from.size() == to.size());
    write(path, bytes.replace(at, from.size(), to));
  }
  /// Writes `length` over the length of the header.
  static void claim_header(const fs::path& path, std::uint64_t length) {
    std::string bytes = test::slurp(path);
    std::memcpy(bytes.data(), &length, sizeof length);
    write(path, bytes);
  }
  /// A NaN for the last number of the file.
  static void poison(const fs::path& path) {
    std::string bytes = test::slurp(path);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(bytes.data() + bytes.size() - sizeof nan, &nan, sizeof nan);
    write(path, bytes);
  }
  static void make_fifo(const fs::path& path) {
    fs::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  static void make_directory(const fs::path& path) {
    fs::remove(path);
    fs::create_directory(path);
  }
  /// Not a byte on disk, but this long.
  static void make_sparse(const fs::path& path, std::uintmax_t size) {
    write(path, "");
    fs::resize_file(path, size);
  }
  static void link_to(const fs::path& path, const char* target) {
    fs::remove(path);
    fs::create_symlink(target, path);
  }

  /// Names, sizes and times of everything there.
  [[nodiscard]] std::map<std::string, std::string> snapshot() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      const std::string name = entry.path().lexically_relative(dir_.path()).string();
      if (name == "stdin" || name == "stdout" || name == "stderr") continue;
      struct stat info = {};
      ::lstat(entry.path().c_str(), &info);
      all[name] = std::to_string(info.st_size) + ' ' + std::to_string(info.st_mtim.tv_sec) + ' ' +
                  std::to_string(info.st_mtim.tv_nsec);
    }
    return all;
  }

  [[nodiscard]] Outcome score(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> a = {"score", "--model", model(), "--input", ids(), "--threads", "1"};
    a.insert(a.end(), more.begin(), more.end());
    return solo_program(dir_, a);
  }
  [[nodiscard]] Outcome train() const {
    return solo_program(dir_, {"train", "--model", model(), "--method", "lora", "--train", data(),
                               "--output", output(), "--max-steps", "2", "--threads", "1"});
  }

 private:
  TempDir dir_;
};

using Spoil = std::function<void(const Bench&)>;
struct Case {
  std::string name;
  Spoil spoil;
  std::vector<std::string> parts;  // of the message
};

void check(const std::vector<Case>& cases, const std::function<Outcome(const Bench&)>& run) {
  [[maybe_unused]] long normal_kib = 0;
  {
    const Bench good;
    const Outcome o = run(good);
    INFO(o.err);
    REQUIRE(o.status == 0);
    normal_kib = o.peak_kib;
  }
  for (const Case& c : cases) {
    INFO(c.name);
    const Bench bench;
    c.spoil(bench);
    const auto before = bench.snapshot();
    const Outcome o = run(bench);
    test::check_error(o, 1, "");
    for (const std::string& part : c.parts) {
      INFO(o.err);
      CHECK(o.err.find(part) != std::string::npos);
    }
    CHECK(bench.snapshot() == before);
#ifndef SOLO_SANITIZED
    CHECK(o.peak_kib < normal_kib + 300 * 1024);
#endif
  }
}

Outcome run_score(const Bench& bench) {
  return bench.score();
}

}  // namespace

TEST_CASE("the program refuses a bad configuration of the base", "[bad-input]") {
  SOLO_NEEDS_PROGRAM;
  const auto key = [](std::string name, std::string value) -> Spoil {
    return [name, value](const Bench& b) { Bench::set(b.config(), name, value); };
  };
  check(
      {
          {"too many layers", key("n_layer", "4097"), {"config.json", "n_layer", "4097"}},
          {"far too many", key("n_layer", "99999999999999999999"), {"config.json", "n_layer"}},
          {"negative", key("n_embd", "-32"), {"config.json", "n_embd", "-32"}},
          {"not an integer", key("n_head", "4.0"), {"config.json", "n_head"}},
          {"no divisor", key("n_head", "5"), {"n_head", "5"}},
          {"sizes that no file holds", key("vocab_size", "16777216"), {"config.json", "wte"}},
          {"wide", key("n_embd", "16777216"), {"config.json", "model.safetensors"}},
          {"vocabulary", key("vocab_size", "16777217"), {"vocab_size", "16777217"}},
          {"cross-attention", key("add_cross_attention", "true"), {"add_cross_attention"}},
          {"activation", key("activation_function", "\"mish\""), {"activation_function", "mish"}},
          {"epsilon", key("layer_norm_epsilon", "0"), {"layer_norm_epsilon"}},
          {"NaN", key("layer_norm_epsilon", "NaN"), {"config.json"}},
          {"nesting", key("x", std::string(65, '[') + std::string(65, ']')), {"config.json", "64"}},
          {"untied without head", key("tie_word_embeddings", "false"), {"lm_head.weight"}},
          {"duplicate key",
           [](const Bench& b) { Bench::write(b.config(), R"({"n_layer": 4, "n_layer": 4})"); },
           {"config.json", "n_layer"}},
          {"escaped duplicate",
           [](const Bench& b) { Bench::write(b.config(), R"({"n_layer": 4, "n\u005flayer": 4})"); },
           {"config.json", "n_layer"}},
          {"missing", [](const Bench& b) { fs::remove(b.config()); }, {"config.json"}},
          {"empty", [](const Bench& b) { Bench::write(b.config(), ""); }, {"config.json"}},
          {"cut", [](const Bench& b) { fs::resize_file(b.config(), 40); }, {"config.json"}},
          {"mark", [](const Bench& b) { Bench::write(b.config(), "\xEF\xBB\xBF{}"); }, {"config"}},
          {"folder", [](const Bench& b) { Bench::make_directory(b.config()); }, {"config.json"}},
          {"fifo", [](const Bench& b) { Bench::make_fifo(b.config()); }, {"config.json"}},
          {"device", [](const Bench& b) { Bench::link_to(b.config(), "/dev/zero"); }, {"config"}},
          {"huge",
           [](const Bench& b) { Bench::make_sparse(b.config(), std::uintmax_t{5} << 30U); },
           {"config.json", "5368709120"}},
          {"control characters",
           [](const Bench& b) { Bench::write(b.config(), "{\"a\x1b[31m\": \"\xFF\"}"); },
           {"config.json"}},
      },
      run_score);
}

TEST_CASE("the program refuses bad weights", "[bad-input]") {
  SOLO_NEEDS_PROGRAM;
  const auto on = [](void (*spoil)(const fs::path&)) -> Spoil {
    return [spoil](const Bench& b) { spoil(b.weights()); };
  };
  const auto header = [](std::string from, std::string to) -> Spoil {
    return [from, to](const Bench& b) { Bench::overwrite(b.weights(), from, to); };
  };
  const std::string file = "model.safetensors";
  check(
      {
          {"NaN", on(Bench::poison), {file, "transformer.", "nan"}},
          {"cut", [](const Bench& b) { fs::resize_file(b.weights(), 50000); }, {file}},
          {"longer",
           [](const Bench& b) { fs::resize_file(b.weights(), fs::file_size(b.weights()) + 1); },
           {file}},
          {"empty", [](const Bench& b) { fs::resize_file(b.weights(), 0); }, {file}},
          {"header of 2^63",
           [](const Bench& b) { Bench::claim_header(b.weights(), std::uint64_t{1} << 63U); },
           {file}},
          {"header of 99 MB",
           [](const Bench& b) { Bench::claim_header(b.weights(), 99000000); },
           {file}},
          {"five sparse gigabytes",
           [](const Bench& b) { Bench::make_sparse(b.weights(), std::uintmax_t{5} << 30U); },
           {file}},
          {"missing tensor", header("h.0.ln_1.weight", "h.0.ln_1.wEight"), {file, "ln_1.weight"}},
          {"extra layer", header("h.3.ln_1.weight", "h.4.ln_1.weight"), {file, "h.3.ln_1.weight"}},
          {"shape", header("[32,96]", "[96,32]"), {file, "c_attn.weight", "(32, 96)", "(96, 32)"}},
          {"type", header("\"F32\"", "\"I32\""), {file, "I32"}},
          {"other prefix",
           header("\"transformer.h.0.ln_1.bias", "\"transf0rmer.h.0.ln_1.bias"),
           {file, "transformer.h.0.ln_1.bias"}},
          {"no file", [](const Bench& b) { fs::remove(b.weights()); }, {file}},
          {"folder", on(Bench::make_directory), {file}},
          {"fifo", on(Bench::make_fifo), {file}},
          {"device", [](const Bench& b) { Bench::link_to(b.weights(), "/dev/zero"); }, {file}},
      },
      run_score);
}

TEST_CASE("the program refuses a bad adapter", "[bad-input]") {
  SOLO_NEEDS_PROGRAM;
  const auto lora = [](std::string name, std::string value) -> Spoil {
    return [name, value](const Bench& b) {
      Bench::set(b.lora() / "adapter_config.json", name, value);
    };
  };
  const std::string config = "adapter_config.json";
  const std::string tensors = "adapter_model.safetensors";
  check(
      {
          {"rank of millions", lora("r", "100000000"), {config, "r"}},
          {"rank of another", lora("r", "5"), {config, tensors, "lora_A"}},
          {"rank 0", lora("r", "0"), {config, "r"}},
          {"alpha beyond float", lora("lora_alpha", "1e300"), {config, "lora_alpha"}},
          {"target of nothing", lora("target_modules", "[\"q_proj\"]"), {config, "q_proj"}},
          {"unknown key", lora("use_magic", "true"), {config, "use_magic"}},
          {"unknown kind", lora("peft_type", "\"VERA\""), {config, "VERA"}},
          {"NaN",
           [](const Bench& b) { Bench::poison(b.lora() / "adapter_model.safetensors"); },
           {tensors, "lora_B", "nan"}},
          {"no tensors",
           [](const Bench& b) { fs::remove(b.lora() / "adapter_model.safetensors"); },
           {tensors}},
          {"fifo",
           [](const Bench& b) { Bench::make_fifo(b.lora() / "adapter_model.safetensors"); },
           {tensors}},
      },
      [](const Bench& b) {
        return b.score({"--adapter", b.lora()});
      });

  const auto solo = [](std::string name, std::string value) -> Spoil {
    return [name, value](const Bench& b) {
      Bench::set(b.solo() / "adapter_config.json", name, value);
    };
  };
  check(
      {
          {"scale 0", solo("scale", "0.0"), {config, "scale"}},
          {"scale beyond float", solo("scale", "1e300"), {config, "scale"}},
          {"no link", solo("stride", "9"), {config, "no link"}},
          {"link outside", solo("links", "[[0, 9]]"), {config, "9"}},
          {"link to itself at the start", solo("links", "[[0, 0]]"), {config, "0"}},
          {"backwards", solo("links", "[[3, 1]]"), {config, "3"}},
          {"rank of another", solo("r", "7"), {config, tensors}},
          {"rank of millions", solo("r", "16777216"), {config, tensors}},
          {"unknown key", solo("rank", "4"), {config, "rank"}},
          {"dead gate", solo("gate", "\"magic\""), {config, "magic"}},
      },
      [](const Bench& b) {
        return b.score({"--adapter", b.solo()});
      });
}

TEST_CASE("the program refuses bad rows", "[bad-input]") {
  SOLO_NEEDS_PROGRAM;
  const auto row = [](std::string text) -> Spoil {
    return [text](const Bench& b) { Bench::write(b.ids(), text); };
  };
  std::string long_row = "{\"input_ids\": [1";
  for (int i = 0; i < 64; ++i) long_row += ", 1";
  const std::string good = "{\"input_ids\": [1, 2]}\n";
  check(
      {
          {"beyond the vocabulary", row("{\"input_ids\": [1, 512]}\n"), {"512"}},
          {"negative", row("{\"input_ids\": [1, -1]}\n"), {"ids.jsonl", "line 1"}},
          {"float", row("{\"input_ids\": [1, 1.0]}\n"), {"ids.jsonl", "line 1"}},
          {"exponent", row("{\"input_ids\": [1, 1e0]}\n"), {"ids.jsonl", "line 1"}},
          {"minus zero", row("{\"input_ids\": [1, -0]}\n"), {"ids.jsonl", "line 1"}},
          {"mistyped", row("{\"input_ids\": [1, 2], \"label\": [1, 2]}\n"), {"line 1", "label"}},
          {"blank line", row(good + "\n" + good), {"ids.jsonl", "line 2"}},
          {"too long", row(long_row + "]}\n"), {"65", "64"}},
          {"nothing scored", row("{\"input_ids\": [1, 2], \"labels\": [-100, -100]}\n"), {"score"}},
          {"no row", row(""), {"ids.jsonl"}},
          {"deep", row(good + std::string(100000, '[')), {"ids.jsonl", "line 2"}},
          {"NUL", row(good + std::string(1, '\0') + "\n"), {"ids.jsonl", "line 2"}},
          {"UTF-8", row("{\"input_ids\": [1, 2], \"\xFF\": 1}\n"), {"ids.jsonl", "line 1"}},
          {"an endless line",
           [](const Bench& b) { Bench::make_sparse(b.ids(), std::uintmax_t{5} << 30U); },
           {"ids.jsonl"}},
          {"folder", [](const Bench& b) { Bench::make_directory(b.ids()); }, {"ids.jsonl"}},
          {"device", [](const Bench& b) { Bench::link_to(b.ids(), "/dev/zero"); }, {"ids.jsonl"}},
      },
      run_score);
}

TEST_CASE("the program refuses bad tokenizers and data, and writes nothing", "[bad-input]") {
  SOLO_NEEDS_PROGRAM;
  const auto file = [](std::string name, std::string text) -> Spoil {
    return [name, text](const Bench& b) {
      Bench::write(name == "data.jsonl" ? b.data() : b.model() / name, text);
    };
  };
  check(
      {
          {"merge without parts", file("merges.txt", "#version: 0.2\nab\n"), {"merges.txt", "2"}},
          {"merge of nothing", file("merges.txt", "#version: 0.2\nqq zz\n"), {"merges.txt", "2"}},
          {"ids with a gap", file("vocab.json", R"({"a": 0, "b": 2})"), {"vocab.json"}},
          {"ids twice", file("vocab.json", R"({"a": 0, "b": 0})"), {"vocab.json"}},
          {"vocabulary cut", file("vocab.json", R"({"a": 0, )"), {"vocab.json"}},
          {"vocabulary fifo",
           [](const Bench& b) { Bench::make_fifo(b.model() / "vocab.json"); },
           {"vocab.json"}},
          {"half a row", file("data.jsonl", "{\"prompt\": \"a\"}\n"), {"data.jsonl", "line 1"}},
          {"data fifo", [](const Bench& b) { Bench::make_fifo(b.data()); }, {"data.jsonl"}},
          {"data folder", [](const Bench& b) { Bench::make_directory(b.data()); }, {"data.jsonl"}},
          {"NaN in the base", [](const Bench& b) { Bench::poison(b.weights()); }, {"nan"}},
      },
      [](const Bench& b) { return b.train(); });
}
