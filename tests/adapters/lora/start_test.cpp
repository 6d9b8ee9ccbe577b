// SPDX-License-Identifier: MIT
// Adapters whose start changed the base: what peft computes with them, as plain LoRA on the base.

#include <solo/adapters/adapters.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>

#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

const std::filesystem::path kStarts = golden_dir() / "starts";

/// The base of the goldens; as transformers loads it.
template <Scalar T>
GPT2<T> base(DType frozen = DType::float32) {
  return GPT2<T>::from_pretrained(golden_dir() / "tiny-gpt2",
                                  {.threads = 2, .frozen_dtype = frozen});
}

/// An adapter folder of `config` on a tiny model, whose init_lora_weights then says `start`.
std::filesystem::path saved(const TempDir& dir, const LoraConfig& config, const Json& start) {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", config);
  model.save_adapter("a", dir.path());
  Json json = read_json_file(dir.path() / kAdapterConfigFile);
  json["init_lora_weights"] = start;
  write_file_atomically(dir.path() / kAdapterConfigFile, dump_sorted(json));
  // As peft has them: its tensors do not say with which configuration they were saved.
  const std::filesystem::path path = dir.path() / kAdapterTensorFile;
  std::vector<Tensor<float>> values;
  std::vector<TensorRef> refs;
  {
    const SafetensorsFile file = SafetensorsFile::open(path);
    values.reserve(file.tensors().size());
    for (const TensorInfo& info : file.tensors()) {
      values.emplace_back(info.shape);
      file.read(info, values.back().span());
      refs.push_back({info.name, info.shape, values.back().span()});
    }
  }
  write_safetensors(path, refs);
  return dir.path();
}

/// Checks that the model refuses the folder, naming the start, the remedy and `parts`.
void refused(GPT2<float>& model, const std::filesystem::path& folder,
             std::vector<std::string> parts) {
  parts.insert(parts.end(), {"init_lora_weights", "path_initial_model_for_weight_conversion"});
  check_throws<ConfigError>([&] { return (model.load_adapter("b", folder), 0); }, "lora.start",
                            parts);
  CHECK(model.adapter_names().empty());
}

}  // namespace

TEMPLATE_TEST_CASE("Adapters of every start compute what they do in peft", "[lora]", float,
                   double) {
  const Json expected = read_json_file(kStarts / "expected.json");
  const auto ids = expected.at("input_ids").get<std::vector<int>>();
  GPT2<TestType> model = base<TestType>();
  const Matrix<TestType> plain = model.logits(ids);
  for (const auto& [name, values] : expected.at("adapters").items()) {
    INFO(name);
    model.load_adapter(name, kStarts / name);
    const Matrix<TestType> logits = model.logits(ids, {.adapter = name});
    const auto peft = values.at("logits").template get<std::vector<double>>();
    for (std::size_t i = 0; i < peft.size(); ++i) {
      // peft decomposes in float.
      CHECK(std::abs(static_cast<double>(logits(logits.rows() - 1, static_cast<Index>(i))) -
                     peft[i]) < 2e-4);
    }
    CHECK(model.logits(ids, {.adapter = ""}) == plain);
    CHECK(model.merge_adapter(name) < 1e-4F);
    model.unmerge_adapter(name);
    model.delete_adapter(name);
  }
}

TEST_CASE("An adapter of another start becomes a plain one of twice the rank", "[lora]") {
  const std::vector<int> ids = {5, 100, 7};
  for (const std::string name : {"pissa-all-patterns", "pissa-rslora", "olora-rslora-dora"}) {
    INFO(name);
    const TempDir dir;
    GPT2<float> model = base<float>();
    model.load_adapter("a", kStarts / name);
    model.save_adapter("a", dir.path());
    const Json before = read_json_file(kStarts / name / kAdapterConfigFile);
    const Json after = read_json_file(dir.path() / kAdapterConfigFile);
    CHECK(after.at("init_lora_weights") == true);
    CHECK(after.at("r").get<int>() == 2 * before.at("r").get<int>());
    for (const auto& [module, rank] : before.at("rank_pattern").items()) {
      CHECK(after.at("rank_pattern").at(module).get<int>() == 2 * rank.get<int>());
    }
    model.load_adapter("again", dir.path());
    CHECK(same_bits(model.logits(ids, {.adapter = "a"}), model.logits(ids, {.adapter = "again"})));
  }
}

TEST_CASE("A base stored as bfloat16 has the start of its stored weights", "[lora]") {
  const std::vector<int> ids = {5, 100, 7};
  GPT2<float> model = base<float>(DType::bfloat16);
  model.load_adapter("a", kStarts / "pissa");
  GPT2<float> full = base<float>();
  full.load_adapter("a", kStarts / "pissa");
  const float difference = (model.logits(ids) - full.logits(ids)).cwiseAbs().maxCoeff();
  CHECK(difference > 0.0F);
  CHECK(difference < 0.1F);
}

TEST_CASE("Starts that peft does not define by the weights are refused", "[lora]") {
  const LoraConfig square{.r = 2, .lora_alpha = 2, .target_modules = {"attn.c_proj"}};
  GPT2<float> model = tiny_model<float>();
  for (const char* start : {"corda", "loftq", "lora_ga", "pissa_niter_4", "mica", "PISSA", "new"}) {
    const TempDir dir;
    refused(model, saved(dir, square, start), {concat("'", start, "'")});
  }
  {
    const TempDir dir;
    refused(model, saved(dir, square, 1), {"found 1"});
  }
  {
    const TempDir dir;
    refused(model, saved(dir, {.r = 2, .target_modules = {"c_attn"}}, "olora"), {"8 to 24"});
  }
  {
    const TempDir dir;
    refused(model, saved(dir, {.r = 2, .lora_alpha = 0}, "pissa"), {"scale", "found 0"});
  }
  {
    const TempDir dir;
    refused(model, saved(dir, {.r = 9}, "pissa"), {"at most 8", "found 9"});
  }
  const TempDir dir;
  saved(dir, {.r = 2, .lora_bias = true}, "pissa");
  check_throws<ConfigError>([&] { return (model.load_adapter("b", dir.path()), 0); },
                            "lora.conflict", {"lora_bias", "pissa"});
}

TEST_CASE("Weights that leave a start open are refused, those of low rank are not", "[lora]") {
  const std::string name = "h.1.attn.c_proj.weight";
  const LoraConfig config{.r = 2, .lora_alpha = 2, .target_modules = {"attn.c_proj"}};
  GPT2<float> model = tiny_model<float>();
  const auto diagonal = [&](std::vector<float> values) {
    // Anew each time: merging moves the values.
    const MatrixView<float> weight = model.parameter(name).value().matrix();
    for (Index i = 0; i < weight.rows; ++i) {
      for (Index j = 0; j < weight.cols; ++j) weight(i, j) = 0.0F;
      const auto at = static_cast<std::size_t>(i);
      if (at < values.size()) weight(i, i) = values[at];
    }
  };
  const TempDir pissa_dir;
  const TempDir olora_dir;
  const auto pissa = saved(pissa_dir, config, "pissa");
  const auto olora = saved(olora_dir, config, "olora");
  diagonal({3, 2, 2, 1});
  refused(model, pissa, {"transformer.h.1.attn.c_proj", "singular values 2 and 3", "(2)"});
  diagonal({3, 0, 2, 1});
  refused(model, olora, {"transformer.h.1.attn.c_proj", "column 1"});
  for (const std::vector<float>& values : {std::vector<float>{3}, std::vector<float>{}}) {
    // What a start takes out, or B being zero, all of it: −W.
    diagonal(values);
    model.load_adapter("b", pissa);
    model.merge_adapter("b");
    for (Index i = 0; i < model.config().n_embd; ++i) {
      CHECK(std::abs(model.parameter(name).value().matrix()(i, i)) < 1e-6F);
    }
    model.unmerge_adapter("b");
    model.delete_adapter("b");
  }
}

TEST_CASE("Only load_adapter takes such a folder, and no adapter is made so", "[lora]") {
  const TempDir dir;
  const LoraConfig config{.r = 2, .target_modules = {"attn.c_proj"}};
  saved(dir, config, "pissa");
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", config);
  check_throws<ConfigError>(
      [&] { return (read_adapter_tensors(dir.path(), model.adapter("a")), 0); }, "lora.start",
      {"init_lora_weights", "load_adapter"});
  LoraConfig other = config;
  other.start = LoraStart::olora;
  check_throws<ConfigError>([&] { return (model.add_adapter("b", other), 0); }, "lora.start",
                            {"start", "olora"});
}
