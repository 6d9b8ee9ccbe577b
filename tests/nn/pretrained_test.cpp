// SPDX-License-Identifier: MIT
// Loading and saving model folders: what is refused, and that a failed load says why.
#include <solo/adapters/adapters.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/nn/gpt2.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/isa.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

using namespace solo;

namespace {

const GPT2Config kTiny = {.vocab_size = 11,
                          .n_positions = 8,
                          .n_embd = 4,
                          .n_layer = 2,
                          .n_head = 2,
                          .bos_token_id = 10,
                          .eos_token_id = 10};

struct StoredTensor {
  std::vector<Index> shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, StoredTensor>;

/// A saved tiny model whose tensors and files can be changed before it is loaded again.
class Folder {
 public:
  Folder() {
    GPT2<float>(kTiny, {.threads = 1}).save_pretrained(path());
    const auto file = SafetensorsFile::open(path() / "model.safetensors");
    for (const TensorInfo& info : file.tensors()) {
      StoredTensor& t = tensors[info.name];
      t.shape = info.shape;
      t.values.resize(static_cast<std::size_t>(info.size()));
      file.read(info, std::span(t.values));
    }
  }
  [[nodiscard]] const std::filesystem::path& path() const { return dir_.path(); }
  void write() const {
    std::vector<TensorRef> refs;
    for (const auto& [name, t] : tensors) {
      refs.push_back({.name = name, .shape = t.shape, .data = std::span(t.values)});
    }
    write_safetensors(path() / "model.safetensors", refs);
  }
  /// Writes a NaN over the last element of the last tensor: the writer itself would refuse.
  void poison() const {
    std::fstream file(path() / "model.safetensors",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4, std::ios::end);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    file.write(reinterpret_cast<const char*>(&nan), 4);
  }
  void replace_in_config(const std::string& from, const std::string& to) const {
    std::ifstream in(path() / "config.json");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    std::ofstream(path() / "config.json") << text;
  }
  [[nodiscard]] GPT2<float> load() const {
    return GPT2<float>::from_pretrained(path(), {.threads = 1});
  }
  /// "id: message" of what load() throws.
  [[nodiscard]] std::string failure() const {
    try {
      (void)load();
    } catch (const Error& e) {
      CHECK(std::string(e.what()).size() < 1000);
      return concat(e.id(), ": ", e.what());
    }
    return "loaded";
  }

  Tensors tensors;

 private:
  test::TempDir dir_;
};

bool contains(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    if (text.find(part) == std::string::npos) {
      UNSCOPED_INFO("lacks " << part << ": " << text);
      return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("a saved model loads with the same bits") {
  Folder f;
  const GPT2<float> a(kTiny, {.threads = 1});
  const GPT2<float> b = f.load();
  CHECK(a.logits({1, 2, 3}) == b.logits({1, 2, 3}));
  CHECK(b.config().tie_word_embeddings);
  CHECK(b.eos_token_ids() == std::vector<int>{10});
  CHECK(b.name_or_path() == f.path().string());
}

TEST_CASE("names without the transformer prefix and legacy masks load") {
  Folder f;
  const Matrix<float> logits = f.load().logits({4, 5});
  Tensors renamed;
  for (auto& [name, t] : f.tensors) renamed[name.substr(std::string("transformer.").size())] = t;
  renamed["h.0.attn.bias"] = {{1, 1, 8, 8}, std::vector<float>(64, 1.0F)};
  renamed["h.1.attn.masked_bias"] = {{1}, {-1e4F}};
  f.tensors = renamed;
  f.write();
  CHECK(f.load().logits({4, 5}) == logits);
}

TEST_CASE("a head that equals wte is tied, another one is used") {
  Folder f;
  f.tensors["lm_head.weight"] = f.tensors["transformer.wte.weight"];
  f.write();
  CHECK(f.load().config().tie_word_embeddings);
  const Matrix<float> tied = f.load().logits({4, 5});
  f.tensors["lm_head.weight"].values[0] += 1.0F;
  f.write();
  const GPT2<float> untied = f.load();
  CHECK_FALSE(untied.config().tie_word_embeddings);
  CHECK(untied.logits({4, 5}) != tied);
  test::TempDir saved;
  untied.save_pretrained(saved.path());
  CHECK(GPT2<float>::from_pretrained(saved.path()).logits({4, 5}) == untied.logits({4, 5}));
}

TEST_CASE("a tied matrix under the head's name alone is the embedding") {
  Folder f;
  const Matrix<float> logits = f.load().logits({4, 5});
  f.tensors["lm_head.weight"] = f.tensors["transformer.wte.weight"];
  f.tensors.erase("transformer.wte.weight");
  f.write();
  const GPT2<float> model = f.load();
  CHECK(model.config().tie_word_embeddings);
  CHECK(model.logits({4, 5}) == logits);
  f.replace_in_config("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
  CHECK(contains(f.failure(), {"model.missing", "'transformer.wte.weight'"}));
}

TEST_CASE("what torch.compile and DataParallel put before names is left out") {
  const Tensors plain = Folder().tensors;
  Folder f;
  const Matrix<float> logits = f.load().logits({4, 5});
  for (const std::string prefix : {"_orig_mod.", "module.", "module._orig_mod."}) {
    f.tensors.clear();
    for (const auto& [name, t] : plain) f.tensors[prefix + name] = t;
    f.tensors[prefix + "lm_head.weight"] = f.tensors[prefix + "transformer.wte.weight"];
    f.write();
    CHECK(f.load().logits({4, 5}) == logits);
  }
  f.tensors.clear();
  for (const auto& [name, t] : plain) f.tensors["model." + name] = t;
  f.write();
  CHECK(contains(f.failure(),
                 {"model.prefix", "'model.transformer.wpe.weight'", "found 'model.transformer.'"}));
  f.tensors = plain;
  f.tensors["wpe.weight"] = f.tensors["transformer.wpe.weight"];
  f.write();
  CHECK(contains(f.failure(), {"model.prefix", "'transformer.wpe.weight'", "'wpe.weight'"}));
}

TEST_CASE("heads of other tasks are named") {
  Folder f;
  f.tensors["score.weight"] = {{2, 4}, std::vector<float>(8)};
  f.tensors["v_head.summary.weight"] = {{1, 4}, std::vector<float>(4)};
  f.write();
  const std::string message = f.failure();
  CHECK(contains(message, {"model.extra", "'score.weight'", "'v_head.summary.weight'", "head"}));
  CHECK(message.find("prefix") == std::string::npos);
}

TEST_CASE("an adapter in the model's folder is refused unless it is ignored") {
  Folder f;
  std::ofstream(f.path() / "adapter_config.json") << "{}";
  CHECK(contains(f.failure(), {"model.adapter", "adapter_config.json", "--adapter"}));
  const auto model = GPT2<float>::from_pretrained(f.path(), {.threads = 1, .ignore_adapter = true});
  CHECK(model.logits({4, 5}) == GPT2<float>(kTiny, {.threads = 1}).logits({4, 5}));
  std::filesystem::remove(f.path() / "config.json");
  CHECK(contains(f.failure(), {"io.open", "config.json", "the folder is an adapter's"}));
}

TEST_CASE("missing, extra, misshapen and mixed tensors are named") {
  Folder f;
  SECTION("missing") {
    f.tensors.erase("transformer.h.1.mlp.c_fc.bias");
    f.write();
    CHECK(contains(f.failure(), {"model.missing", "config.json", "model.safetensors",
                                 "transformer.h.1.mlp.c_fc.bias"}));
  }
  SECTION("extra") {
    f.tensors["transformer.h.2.ln_1.bias"] = {{4}, {0, 0, 0, 0}};
    f.write();
    CHECK(contains(f.failure(), {"model.extra", "transformer.h.2.ln_1.bias"}));
  }
  SECTION("a real bias is no legacy mask") {
    f.tensors["transformer.h.0.attn.q.bias"] = {{4}, {0, 0, 0, 0}};
    f.write();
    CHECK(contains(f.failure(), {"model.extra", "transformer.h.0.attn.q.bias"}));
  }
  SECTION("misshapen") {
    f.tensors["transformer.ln_f.bias"] = {{3}, {0, 0, 0}};
    f.write();
    CHECK(contains(f.failure(), {"model.shape", "transformer.ln_f.bias", "(4,)", "(3,)",
                                 "config.json", "model.safetensors"}));
  }
  SECTION("mixed prefixes") {
    f.tensors["ln_f.bias"] = f.tensors["transformer.ln_f.bias"];
    f.tensors.erase("transformer.ln_f.bias");
    f.write();
    CHECK(contains(f.failure(), {"model.prefix", "ln_f.bias"}));
  }
  SECTION("not finite") {
    f.poison();
    CHECK(contains(f.failure(), {"numeric.nonfinite", "transformer."}));
  }
  SECTION("untied without a head") {
    f.replace_in_config("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    CHECK(contains(f.failure(), {"model.missing", "lm_head.weight", "tie_word_embeddings"}));
  }
}

TEST_CASE("a configuration that promises more than the file holds allocates nothing") {
  Folder f;
  f.replace_in_config("\"n_positions\": 8", "\"n_positions\": 16777216");
  CHECK(contains(f.failure(), {"model.shape", "wpe.weight", "16777216"}));
}

TEST_CASE("eos: generation_config.json before config.json, beyond the vocabulary is none") {
  Folder f;
  const auto with = [&](const std::string& text) {
    std::ofstream(f.path() / "generation_config.json") << text;
    return f.load().eos_token_ids();
  };
  CHECK(with(R"({"eos_token_id": 3})") == std::vector<int>{3});
  CHECK(with(R"({"eos_token_id": [3, 4]})") == std::vector<int>{3, 4});
  CHECK(with(R"({"eos_token_id": 11})").empty());
  CHECK(with(R"({"eos_token_id": null})").empty());
  CHECK(with("{}").empty());
  std::filesystem::remove(f.path() / "generation_config.json");
  CHECK(f.load().eos_token_ids() == std::vector<int>{10});
}

TEST_CASE("weights kept as bfloat16 compute with the rounded values, and save them") {
  const ScopedIsa use(test::widening_isa());
  Folder f;
  const auto half =
      GPT2<float>::from_pretrained(f.path(), {.threads = 1, .frozen_dtype = DType::bfloat16});
  for (auto& [name, t] : f.tensors) {
    if (t.shape.size() != 2 || name == "transformer.wpe.weight") continue;
    for (float& x : t.values) x = to_float(to_bfloat16(x));
  }
  f.write();
  CHECK(half.logits({1, 2, 3}) == f.load().logits({1, 2, 3}));
  test::TempDir saved;
  half.save_pretrained(saved.path());
  CHECK(GPT2<float>::from_pretrained(saved.path()).logits({1, 2, 3}) == half.logits({1, 2, 3}));
}

TEST_CASE("a value beyond bfloat16 is refused when weights are loaded as bfloat16") {
  Folder f;
  f.tensors.at("transformer.h.0.mlp.c_fc.weight").values[3] = 0x1.FFp127F;
  f.write();
  CHECK(f.load().parameter("h.0.mlp.c_fc.weight").operand().at(0, 3) == 0x1.FFp127F);
  test::check_throws<NumericError>(
      [&] { return GPT2<float>::from_pretrained(f.path(), {.frozen_dtype = DType::bfloat16}); },
      "numeric.overflow", {"model.safetensors", "h.0.mlp.c_fc.weight", "bfloat16", "element 3"});
}

TEST_CASE("a failed save leaves the old files") {
  Folder f;
  const Matrix<float> before = f.load().logits({1, 2});
  GPT2<float> broken(kTiny, {.threads = 1, .seed = 7});
  broken.parameter("wte.weight").value().data()[0] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(broken.save_pretrained(f.path()), NumericError);
  CHECK(f.load().logits({1, 2}) == before);
}
