// SPDX-License-Identifier: MIT
// What we save is loaded by transformers, peft and the Solo oracle, with equal logits. Needs a
// Python that has them (SOLO_ORACLE_PYTHON) and, for Solo, the oracle.

#include <solo/adapters/adapters.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/nn/gpt2.hpp>

#include "parity/cases.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>

namespace {

using Model = solo::GPT2<float>;

const std::vector<int>& probe() {
  static const std::vector<int> ids = {3, 501, 77, 12, 12, 300, 44, 9, 0, 511, 250};
  return ids;
}

/// Saves, notes the logits, and asks Python at the end.
class Jobs {
 public:
  explicit Jobs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void add_adapter(const Model& model, const std::string& kind, const std::string& name) {
    const std::filesystem::path where = folder_ / (kind + "-" + name);
    model.save_adapter(model.active_adapter(), where);
    add(model, kind, name, solo::test::golden_dir() / "tiny-gpt2", where.string());
  }
  void add_model(const Model& model, const std::string& name, solo::DType dtype) {
    const std::filesystem::path where = folder_ / ("model-" + name);
    model.save_pretrained(where, {.dtype = dtype});
    const auto saved = Model::from_pretrained(where);  // rounded as the file is
    add(saved, "model", name, where, {});
  }
  /// Python's exit status.
  [[nodiscard]] int check(const std::string& python) const {
    solo::AtomicFile file(folder_ / "jobs.json");
    file.write(jobs_.dump());
    file.commit();
    const auto script = solo::test::golden_dir() / "check_interop.py";
    const std::string command =
        '"' + python + "\" \"" + script.string() + "\" \"" + folder_.string() + '"';
    return std::system(command.c_str());
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
    jobs_.push_back({{"name", kind + " " + name},
                     {"kind", kind},
                     {"model", base.string()},
                     {"adapter", adapter},
                     {"input_ids", ids},
                     {"logits", file.string()},
                     {"tensor", "logits"}});
  }

  std::filesystem::path folder_;
  solo::Json jobs_ = solo::Json::array();
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

void add_new_adapters(Jobs& jobs, bool with_solo) {
  add_new(jobs, "lora", "new", solo::LoraConfig{});
  add_new(jobs, "lora", "new-patterns",
          solo::LoraConfig{.r = 3,
                           .lora_alpha = 5,
                           .target_modules = {"c_attn", "c_proj", "c_fc"},
                           .use_rslora = true,
                           .rank_pattern = {{"c_fc", 2}, {"attn.c_proj", 1}},
                           .alpha_pattern = {{"mlp.c_proj", 2.5}}});
  add_new(jobs, "lora", "new-dora",
          solo::LoraConfig{.r = 2, .target_modules = {"c_fc"}, .use_dora = true});
  add_new(jobs, "lora", "new-biases",
          solo::LoraConfig{.r = 2, .bias = solo::LoraBias::all, .lora_bias = true});
  add_new(jobs, "ln_tuning", "new", solo::LayerNormConfig{});
  if (!with_solo) return;
  add_new(jobs, "solo", "new", solo::SoloConfig{.r = 5, .stride = 1});
  add_new(jobs, "solo", "new-diagonal",
          solo::SoloConfig{.links = {{0, 2}, {2, 2}, {1, 4}}, .map = solo::SoloMap::diagonal});
}

}  // namespace

TEST_CASE("interop: Python loads what was saved here, with equal logits", "[parity]") {
  const char* python = std::getenv("SOLO_ORACLE_PYTHON");
  if (python == nullptr || *python == '\0') SOLO_SKIP("needs SOLO_ORACLE_PYTHON");
  const bool with_solo = solo::test::shared_dir().has_value();
  const solo::test::TempDir temp;
  Jobs jobs(temp.path());
  for (const std::string_view kind : {"lora", "ln_tuning", "solo"}) {
    if (kind == "solo" && !with_solo) continue;
    for (const auto& c : solo::test::golden_cases(kind)) {
      INFO("case " << c.name);
      Model model = tiny();
      model.load_adapter("golden", c.folder("adapter"));
      jobs.add_adapter(model, std::string(kind), c.name);
    }
  }
  add_new_adapters(jobs, with_solo);
  for (const auto& c : solo::test::golden_cases("base")) {
    INFO("case " << c.name);
    jobs.add_model(Model::from_pretrained(c.folder("model")), c.name, solo::DType::float32);
  }
  jobs.add_model(tiny(), "tiny-bfloat16", solo::DType::bfloat16);
  jobs.add_model(tiny(), "tiny-float16", solo::DType::float16);
  CHECK(jobs.check(python) == 0);
}
