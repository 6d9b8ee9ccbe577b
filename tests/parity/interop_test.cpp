// SPDX-License-Identifier: MIT
// What we save is loaded by transformers, peft, python/solo_torch.py and, where it is, the Solo
// oracle, with equal logits and equal greedy ids. Needs a Python that has them
// (SOLO_ORACLE_PYTHON).

#include <solo/adapters/adapters.hpp>
#include <solo/generate/generate.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/nn/gpt2.hpp>

#include "parity/cases.hpp"
#include "parity/python.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

namespace {

using Model = solo::GPT2<float>;

const std::vector<int>& probe() {
  static const std::vector<int> ids = {3, 501, 77, 12, 12, 300, 44, 9, 0, 511, 250};
  return ids;
}

constexpr solo::Index kNewTokens = 16;

/// Saves, notes logits and greedy ids, and asks Python at the end.
class Jobs {
 public:
  explicit Jobs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void add_adapter(const Model& model, const std::string& kind, const std::string& name) {
    const std::filesystem::path where = folder_ / (kind + "-" + name);
    model.save_adapter(model.active_adapter(), where);
    add(model, kind, name, solo::test::golden_dir() / "tiny-gpt2", where.string());
    adapters_.emplace_back(where, model.logits(probe()));
  }
  void add_model(const Model& model, const std::string& name, solo::DType dtype) {
    const std::filesystem::path where = folder_ / ("model-" + name);
    model.save_pretrained(where, {.dtype = dtype});
    const auto saved = Model::from_pretrained(where);  // rounded as the file is
    add(saved, "model", name, where, {});
  }
  /// Python's exit status.
  [[nodiscard]] int check() const {
    solo::AtomicFile file(folder_ / "jobs.json");
    file.write(jobs_.dump());
    file.commit();
    return solo::test::run_python(solo::test::golden_dir() / "check_interop.py",
                                  {folder_.string()});
  }
  /// The adapters that Python has saved again, each with the logits of the one that we saved.
  [[nodiscard]] std::vector<std::pair<std::filesystem::path, solo::Matrix<float>>> saved_again()
      const {
    auto list = adapters_;
    for (auto& [folder, logits] : list) folder += "-again";
    return list;
  }

 private:
  void add(const Model& model, const std::string& kind, const std::string& name,
           const std::filesystem::path& base, const solo::Json& adapter) {
    std::vector<int> ids = probe();
    for (int& id : ids) id %= static_cast<int>(model.config().vocab_size);
    const solo::Matrix<float> logits = model.logits(ids);
    const std::filesystem::path file = folder_ / (kind + "-" + name + ".logits");
    const solo::TensorRef tensor{
        .name = "logits",
        .shape = {logits.rows(), logits.cols()},
        .data = std::span<const float>(logits.data(), static_cast<std::size_t>(logits.size()))};
    solo::write_safetensors(file, {&tensor, 1});
    const auto room = model.config().n_positions - static_cast<solo::Index>(ids.size());
    const solo::GenerateOptions options{.max_new_tokens = std::min(kNewTokens, room),
                                        .eos_token_id = -1};
    const std::vector<std::vector<int>> prompts = {ids};
    const std::vector<std::vector<int>> output = solo::generate_ids(model, prompts, options);
    jobs_.push_back({{"name", kind + " " + name},
                     {"kind", kind},
                     {"model", base.string()},
                     {"adapter", adapter},
                     {"input_ids", ids},
                     {"output_ids", output.front()},
                     {"logits", file.string()},
                     {"tensor", "logits"}});
  }

  std::filesystem::path folder_;
  solo::Json jobs_ = solo::Json::array();
  std::vector<std::pair<std::filesystem::path, solo::Matrix<float>>> adapters_;
};

/// Moves every tensor of a fresh adapter away from its start.
void disturb(Model& model) {
  float x = 0.0F;
  for (solo::Parameter<float>* p : model.trainable_parameters()) {
    for (float& value : p->value().span()) value += 0.1F * std::sin(x += 1.0F);
  }
}

Model tiny() {
  return Model::from_pretrained(solo::test::golden_dir() / "tiny-gpt2", {.threads = 1});
}

template <class Config>
void add_new(Jobs& jobs, const std::string& kind, const std::string& name, const Config& config) {
  Model model = tiny();
  model.add_adapter("new", config);
  disturb(model);
  jobs.add_adapter(model, kind, name);
}

void add_new_lora(Jobs& jobs) {
  const auto add = [&jobs](const std::string& name, const solo::LoraConfig& config) {
    add_new(jobs, "lora", name, config);
  };
  add("new", {});
  add("new-patterns", {.r = 3,
                       .lora_alpha = 5,
                       .target_modules = {"c_attn", "c_proj", "c_fc"},
                       .use_rslora = true,
                       .rank_pattern = {{"c_fc", 2}, {"attn.c_proj", 1}},
                       .alpha_pattern = {{"mlp.c_proj", 2.5}}});
  add("new-dora", {.r = 2, .target_modules = {"c_fc"}, .use_dora = true});
  add("new-dora-rslora-bias", {.r = 2,
                               .lora_dropout = 0.1,
                               .target_modules = {"c_attn", "c_proj"},
                               .use_rslora = true,
                               .bias = solo::LoraBias::lora_only,
                               .use_dora = true});
  add("new-biases", {.r = 2, .bias = solo::LoraBias::all, .lora_bias = true});
  add("new-layers", {.r = 2,
                     .target_modules = {"c_attn", "c_proj"},
                     .exclude_modules = {"mlp.c_proj"},
                     .layers_to_transform = {0, 2}});
  add("new-modules-to-save", {.r = 2, .modules_to_save = {"ln_f"}});
  add("new-q-v", {.r = 3, .lora_alpha = 6, .target_modules = {"c_attn.q", "c_attn.v"}});
  add("new-embedding", {.r = 2, .target_modules = {"wte"}});
  add("new-tables", {.r = 3,
                     .lora_alpha = 5,
                     .lora_dropout = 0.1,
                     .target_modules = {"wte", "lm_head", "c_attn.q"},
                     .use_rslora = true,
                     .rank_pattern = {{"wte", 1}}});
  add("new-head-tokens",
      {.r = 2, .target_modules = {"lm_head"}, .trainable_token_indices = {{"wte", {3, 501}}}});
  add("new-k-fc", {.r = 2, .target_modules = {"c_attn.k", "c_fc"}, .use_rslora = true});
}

void add_new_solo(Jobs& jobs) {
  const auto add = [&jobs](const std::string& name, const solo::SoloConfig& config) {
    add_new(jobs, "solo", name, config);
  };
  add("new", {.r = 5, .stride = 1});
  add("new-diagonal", {.links = {{0, 2}, {2, 2}, {1, 4}}, .map = solo::SoloMap::diagonal});
  add("new-first", {.r = 40, .stride = 2, .first = 2, .scale = -0.5, .dropout = 0.25});
  add("new-full", {.links = solo::SoloLinks::mirror,
                   .map = solo::SoloMap::full,
                   .gate = solo::SoloGate::clamp,
                   .activation = solo::Activation::gelu_new,
                   .source = solo::SoloSource::raw,
                   .gate_schedule = {.kind = solo::SoloScheduleKind::cosine, .steps = 7}});
  for (const std::string_view name : solo::SoloConfig::preset_names()) {
    add(std::string(name), solo::SoloConfig::preset(name));
  }
}

}  // namespace

TEST_CASE("interop: Python loads what was saved here, and the other way", "[parity]") {
  SOLO_NEEDS_ORACLE_PYTHON;
  const solo::test::TempDir temp;
  Jobs jobs(temp.path());
  for (const std::string_view kind : {"lora", "ln_tuning", "solo"}) {
    for (const auto& c : solo::test::golden_cases(kind)) {
      INFO("case " << c.name);
      Model model = tiny();
      model.load_adapter("golden", c.folder("adapter"));
      jobs.add_adapter(model, std::string(kind), c.name);
    }
  }
  add_new_lora(jobs);
  add_new(jobs, "ln_tuning", "new", solo::LayerNormConfig{});
  add_new_solo(jobs);
  for (const auto& c : solo::test::golden_cases("base")) {
    INFO("case " << c.name);
    jobs.add_model(Model::from_pretrained(c.folder("model")), c.name, solo::DType::float32);
  }
  jobs.add_model(tiny(), "tiny-bfloat16", solo::DType::bfloat16);
  jobs.add_model(tiny(), "tiny-float16", solo::DType::float16);
  CHECK(jobs.check() == 0);

  for (const auto& [folder, logits] : jobs.saved_again()) {
    INFO(folder);
    Model model = tiny();
    model.load_adapter("again", folder);
    const float rms = std::sqrt(logits.squaredNorm() / static_cast<float>(logits.size()));
    CHECK((model.logits(probe()) - logits).cwiseAbs().maxCoeff() <= 1e-5F * rms);
  }
}

TEST_CASE("solo_torch: logits, losses, gradients, training and errors are ours", "[parity]") {
  SOLO_NEEDS_ORACLE_PYTHON;
  CHECK(solo::test::run_python(solo::test::source_dir() / "tests/python/test_solo_torch.py") == 0);
}

TEST_CASE("solo_torch: its program gives our text", "[parity]") {
  SOLO_NEEDS_ORACLE_PYTHON;
  const solo::test::TempDir temp;
  const std::filesystem::path folder = temp.path() / "model";
  const std::filesystem::path adapter = temp.path() / "adapter";
  std::filesystem::copy(solo::test::golden_dir() / "tiny-gpt2", folder);
  for (const char* name : {"vocab.json", "merges.txt"}) {
    std::filesystem::copy(solo::test::golden_dir() / "text" / "tiny-bpe" / name, folder);
  }
  std::filesystem::copy(solo::test::golden_dir() / "solo" / "stride-1", adapter);
  std::ofstream(adapter / "training_args.json") << R"({"separator": "eos"})";

  auto model = Model::from_pretrained(folder);
  model.load_adapter("golden", adapter);
  const auto tokenizer = solo::Tokenizer::from_pretrained(folder);
  const std::string prompt = "name : The Eagle | Type : pub";
  const std::string text = solo::generate(model, tokenizer, prompt, {.append_separator = true});

  const std::filesystem::path out = temp.path() / "out";
  REQUIRE(solo::test::run_python(
              solo::test::source_dir() / "python" / "solo_torch.py",
              {"--model", folder.string(), "--adapter", adapter.string(), "--prompt", prompt},
              out) == 0);
  std::ifstream file(out, std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == text + '\n');
}
