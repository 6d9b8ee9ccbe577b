// SPDX-License-Identifier: MIT
// LoRA on the embedding and the head: starts, files of other makers, resized bases.

#include <solo/adapters/adapters.hpp>
#include <solo/generate/generate.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors.hpp>

#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

const std::vector<int> kIds = {3, 17, 5, 5, 22, 0, 9, 11};
const LoraConfig kTables{.r = 3, .target_modules = {"wte", "lm_head"}};

GPT2Config untied_config() {
  GPT2Config config = tiny_config();
  config.tie_word_embeddings = false;
  return config;
}

bool all_zero(const Parameter<double>& p) {
  const auto values = std::as_const(p).value().span();
  return std::all_of(values.begin(), values.end(), [](double x) { return x == 0.0; });
}

/// The factors' product, times the scale: (vocabulary, width).
Matrix<double> change(Adapter<double>& adapter, bool head, double scale) {
  const std::string module = head ? "lm_head" : "transformer.wte";
  const auto matrix = [&](const std::string& name) -> Matrix<double> {
    return as_eigen(std::as_const(tensor(adapter, module + name)).value().matrix());
  };
  if (head) return scale * matrix(".lora_B.weight") * matrix(".lora_A.weight");
  return scale * (matrix(".lora_embedding_B") * matrix(".lora_embedding_A")).transpose();
}

}  // namespace

TEST_CASE("LoRA on the tables starts as torch's layers do", "[lora]") {
  GPT2Config config = tiny_config();
  config.n_embd = 64;
  GPT2<double> model = tiny_model<double>(config);
  LoraConfig lora = kTables;
  lora.r = 16;
  Adapter<double>& adapter = model.add_adapter("a", lora);
  std::vector<std::string> names;
  for (const Parameter<double>* p : adapter.parameters()) {
    names.push_back(p->name() + to_string(p->shape()));
  }
  CHECK(names == std::vector<std::string>{"transformer.wte.lora_embedding_A(16, 23)",
                                          "transformer.wte.lora_embedding_B(64, 16)",
                                          "lm_head.lora_A.weight(16, 64)",
                                          "lm_head.lora_B.weight(23, 16)"});
  CHECK(model.trainable_parameter_count() == parameter_count(lora, config));
  CHECK(model.trainable_parameter_count() == 2 * 16 * (23 + 64));
  CHECK(all_zero(tensor(adapter, "transformer.wte.lora_embedding_A")));
  CHECK(all_zero(tensor(adapter, "lm_head.lora_B.weight")));
  const Tensor<double>& b = tensor(adapter, "transformer.wte.lora_embedding_B").value();
  double square = 0.0;
  for (const double x : b.span()) square += x * x;
  CHECK(std::sqrt(square / static_cast<double>(b.size())) == Approx(1.0).epsilon(0.1));
  for (const double x : tensor(adapter, "lm_head.lora_A.weight").value().span()) {
    CHECK(std::abs(x) <= 1.0 / 8.0);
  }
  lora.init_lora_weights = false;
  Adapter<double>& random = model.add_adapter("random", lora);
  CHECK(!all_zero(tensor(random, "transformer.wte.lora_embedding_A")));
  CHECK(!all_zero(tensor(random, "lm_head.lora_B.weight")));
}

TEST_CASE("LoRA on the tables is the model whose tables were changed", "[lora]") {
  for (const GPT2Config& config : {tiny_config(), untied_config()}) {
    for (const std::string part : {"wte", "lm_head", "both"}) {
      CAPTURE(config.tie_word_embeddings, part);
      GPT2<double> model = tiny_model<double>(config);
      LoraConfig lora{.r = 3, .lora_alpha = 5};
      lora.target_modules = part == "both" ? ModuleNames{"wte", "lm_head"} : ModuleNames{part};
      Adapter<double>& adapter = model.add_adapter("a", lora);
      disturb(model.trainable_parameters(), 0.3, 21);
      const Matrix<double> adapted = model.logits(kIds);

      GPT2<double> changed = tiny_model<double>(config);
      LoraConfig whole{.modules_to_save = {"wte", "lm_head"}};
      Adapter<double>& copies = changed.add_adapter("a", whole);
      if (part != "lm_head") {
        as_eigen(tensor(copies, "transformer.wte.weight").value().matrix()) +=
            change(adapter, false, 5.0 / 3.0);
      }
      if (part != "wte") {
        as_eigen(tensor(copies, "lm_head.weight").value().matrix()) +=
            change(adapter, true, 5.0 / 3.0);
      }
      CHECK((changed.logits(kIds) - adapted).cwiseAbs().maxCoeff() < 1e-11);
    }
  }
}

TEST_CASE("Blocks to transform leave the tables out unless they are named whole", "[lora]") {
  const auto modules = [](std::vector<std::string> targets) {
    const LoraConfig config{.target_modules = std::move(targets), .layers_to_transform = {1}};
    std::string names;
    for (const AdapterTensor& t : config.tensors(tiny_config())) {
      if (t.name.find("lora_A") == std::string::npos &&
          t.name.find("embedding_A") == std::string::npos) {
        continue;
      }
      names += (names.empty() ? "" : " ") + t.name.substr(0, t.name.find(".lora_"));
    }
    return names;
  };
  CHECK(modules({"wte", "c_attn"}) == "transformer.h.1.attn.c_attn");
  CHECK(modules({"transformer.wte", "c_attn"}) == "transformer.wte transformer.h.1.attn.c_attn");
  CHECK(modules({"lm_head", "c_attn"}) == "transformer.h.1.attn.c_attn lm_head");
}

TEST_CASE("Tables that the file holds are what a change of them is on", "[lora]") {
  // As peft writes where lm_head is a target (save_embedding_layers).
  for (const GPT2Config& config : {tiny_config(), untied_config()}) {
    CAPTURE(config.tie_word_embeddings);
    const TempDir dir;
    GPT2<float> maker = tiny_model<float>(config);
    disturb(maker.parameters(), 0.1, 8);  // another base than the one it is loaded on
    LoraConfig lora = kTables;
    lora.saved_tables = {"transformer.wte.base_layer.weight", "lm_head.base_layer.weight"};
    maker.add_adapter("a", lora);
    disturb(maker.trainable_parameters(), 0.3, 21);
    maker.save_adapter("a", dir.path());
    GPT2<float> other = tiny_model<float>(config);
    const Matrix<float> base = other.logits(kIds);
    other.load_adapter("a", dir.path());
    CHECK(other.trainable_parameter_count() == maker.trainable_parameter_count());

    GPT2<float> expected = tiny_model<float>(config);
    expected.parameter("wte.weight").value() =
        std::as_const(maker.parameter("wte.weight")).value().clone();
    if (!config.tie_word_embeddings) {
      expected.parameter("lm_head.weight").value() =
          std::as_const(maker.parameter("lm_head.weight")).value().clone();
    }
    Adapter<float>& plain = expected.add_adapter("a", kTables);
    for (Parameter<float>* p : plain.parameters()) {
      p->value() = std::as_const(tensor(maker.adapter("a"), p->name())).value().clone();
    }
    CHECK(same_bits(other.logits(kIds), expected.logits(kIds)));
    CHECK(same_bits(other.logits(kIds, {.adapter = ""}), base));
    CHECK(other.merge_adapter("a") < 1e-4F);
    CHECK(!other.config().tie_word_embeddings);
    other.unmerge_adapter("a");
    CHECK(same_bits(other.logits(kIds, {.adapter = ""}), base));
  }
}

TEST_CASE("An adapter on tables of more tokens needs a base that has them", "[lora]") {
  const TempDir dir;
  const std::vector<int> ids = {3, 24, 25};
  for (const GPT2Config& config : {tiny_config(), untied_config()}) {
    for (const bool saved : {false, true}) {
      CAPTURE(config.tie_word_embeddings, saved);
      GPT2<float> maker = tiny_model<float>(config);
      maker.resize_token_embeddings(26);
      LoraConfig lora = kTables;
      if (saved) {
        lora.saved_tables = {"transformer.wte.base_layer.weight", "lm_head.base_layer.weight"};
      }
      maker.add_adapter("a", lora);
      disturb(maker.trainable_parameters(), 0.3, 21);
      maker.save_adapter("a", dir.path());
      GPT2<float> other = tiny_model<float>(config);
      if (!saved) {
        check_throws<ShapeError>([&] { return (other.load_adapter("a", dir.path()), 0); },
                                 "adapter.shape", {"26", "23", "resize_token_embeddings(26)"});
        CHECK(other.config().vocab_size == 23);
        other.resize_token_embeddings(26);
      }
      other.load_adapter("a", dir.path());
      CHECK(other.config().vocab_size == 26);
      CHECK(same_bits(other.logits(ids), maker.logits(ids)));
    }
  }
  // Of an untied base, one table alone leaves the other's rows open.
  GPT2<float> maker = tiny_model<float>(untied_config());
  maker.resize_token_embeddings(26);
  maker.add_adapter("a", LoraConfig{.target_modules = {"lm_head"},
                                    .saved_tables = {"lm_head.base_layer.weight"}});
  maker.save_adapter("a", dir.path());
  GPT2<float> other = tiny_model<float>(untied_config());
  check_throws<ShapeError>([&] { return (other.load_adapter("a", dir.path()), 0); },
                           "adapter.shape", {"resize_token_embeddings(26)"});
}

TEST_CASE("Rows and a change of the same table are refused, as in peft", "[lora]") {
  GPT2<float> model = tiny_model<float>();
  const auto refused = [&](const std::string& module) {
    check_throws<ConfigError>(
        [&] {
          (void)model.add_adapter("a", LoraConfig{.target_modules = {module},
                                                  .trainable_token_indices = {{module, {3}}}});
          return 0;
        },
        "lora.token_indices", {module, "target_modules"});
  };
  refused("wte");
  refused("lm_head");
  // A module that is saved is no target.
  model.add_adapter("a",
                    LoraConfig{.target_modules = {"wte", "c_attn"}, .modules_to_save = {"wte"}});
  for (const Parameter<float>* p : model.adapter("a").parameters()) {
    CHECK(p->name().find("embedding_A") == std::string::npos);
  }
}

TEST_CASE("Dropout of the head follows set_dropout and acts in training alone", "[lora]") {
  GPT2<float> model = tiny_model<float>();
  auto& adapter = dynamic_cast<LoraAdapter<float>&>(model.add_adapter("a", kTables));
  disturb(model.trainable_parameters(), 0.3, 21);
  const Batch batch = random_batch({6, 1, 4}, model.config());
  Tape<float> tape;
  const auto loss = [&](bool training) {
    return model.loss(tape, batch, {.training = training}).item();
  };
  const float plain = loss(true);
  CHECK(loss(false) == plain);
  const Matrix<float> logits = model.logits(kIds);
  adapter.set_dropout(0.5);
  CHECK(loss(true) != plain);
  CHECK(loss(false) == plain);
  CHECK(same_bits(model.logits(kIds), logits));
}

TEST_CASE("What lm_head began with cannot be found where it may be tied", "[lora]") {
  const LoraConfig head{.target_modules = {"lm_head"}, .start = LoraStart::pissa};
  check_throws<ConfigError>([&] { return (detail::check_start(head, tiny_config()), 0); },
                            "lora.start", {"lm_head", "pissa", "merge"});
  const LoraConfig embedding{.target_modules = {"wte"}, .start = LoraStart::olora};
  CHECK_NOTHROW(detail::check_start(embedding, tiny_config()));
}
