// SPDX-License-Identifier: MIT
// LoRA on a model: starts, parts of c_attn, copies of base tensors, files.

#include <solo/adapters/adapters.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors.hpp>

#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/isa.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

const std::vector<int> kIds = {3, 17, 5, 5, 22, 0, 9, 11};
const LoraConfig kQueryValue{.r = 2, .lora_alpha = 6, .target_modules = {"c_attn.q", "c_attn.v"}};

template <Scalar T>
LoraAdapter<T>& lora(GPT2<T>& model, const LoraConfig& config) {
  return dynamic_cast<LoraAdapter<T>&>(model.add_adapter("a", config));
}

/// One plain gradient step.
void train_step(GPT2<float>& model) {
  Tape<float> tape;
  tape.backward(model.loss(tape, random_batch({6, 1, 4}, model.config())));
  for (Parameter<float>* p : model.trainable_parameters()) {
    for (Index i = 0; i < p->size(); ++i) p->value().data()[i] -= 0.1F * p->grad().data()[i];
    p->zero_grad();
  }
}

std::string file_bytes(const TempDir& dir, std::string_view folder, std::string_view name) {
  return read_text_file(dir.path() / folder / name);
}

}  // namespace

TEST_CASE("A new LoRA has A uniform in ±1/√in and B zero", "[lora]") {
  GPT2Config config = tiny_config();
  config.n_embd = 64;
  GPT2<double> model = tiny_model<double>(config);
  Adapter<double>& adapter = model.add_adapter("a", LoraConfig{.r = 16});
  const Tensor<double>& a = tensor(adapter, "transformer.h.0.attn.c_attn.lora_A.weight").value();
  double sum = 0.0;
  double square = 0.0;
  for (const double x : a.span()) {
    CHECK(std::abs(x) <= 1.0 / 8.0);
    sum += x;
    square += x * x;
  }
  const auto count = static_cast<double>(a.size());
  CHECK(std::abs(sum / count) < 0.01);
  CHECK(std::sqrt(square / count) == Approx(1.0 / 8.0 / std::sqrt(3.0)).epsilon(0.05));
  for (const double x :
       tensor(adapter, "transformer.h.0.attn.c_attn.lora_B.weight").value().span()) {
    CHECK(x == 0.0);
  }
  const auto first = [](GPT2<double>& m, const LoraConfig& c, const std::string& as) {
    return m.add_adapter(as, c).parameters().front()->value().data()[0];
  };
  CHECK(first(model, {.r = 16}, "same") == a.data()[0]);
  CHECK(first(model, {.r = 16, .seed = 7}, "other") != a.data()[0]);
  CHECK(first(model, {.r = 16, .layers_to_transform = {1}}, "layer 1") != a.data()[0]);
  Adapter<double>& random = model.add_adapter("random", LoraConfig{.init_lora_weights = false});
  CHECK(random.parameters()[1]->value().data()[0] != 0.0);
}

TEST_CASE("DoRA's magnitude starts as the norm of the weight's columns", "[lora]") {
  GPT2<double> model = tiny_model<double>();
  Adapter<double>& adapter = model.add_adapter("a", LoraConfig{.use_dora = true});
  const Tensor<double>& m =
      tensor(adapter, "transformer.h.1.attn.c_attn.lora_magnitude_vector").value();
  const ConstMatrixView<double> w =
      std::as_const(model.parameter("h.1.attn.c_attn.weight")).value().matrix();
  for (Index j = 0; j < w.cols; ++j) {
    double square = 0.0;
    for (Index i = 0; i < w.rows; ++i) square += w(i, j) * w(i, j);
    CHECK(m.data()[j] == Approx(std::sqrt(square)).epsilon(1e-14));
  }
}

TEST_CASE("Parts of c_attn train as blocks and are saved as one rank", "[lora]") {
  const TempDir dir;
  GPT2<float> model = tiny_model<float>();
  LoraAdapter<float>& adapter = lora(model, kQueryValue);
  const Index width = model.config().n_embd;
  CHECK(model.trainable_parameter_count() == 4 * (4 * 2 * width));
  CHECK(model.trainable_parameter_count() == parameter_count(kQueryValue, model.config()));
  disturb(model.trainable_parameters(), 0.3, 21);
  train_step(model);
  model.save_adapter("a", dir.path() / "parts");

  // The key columns of c_attn are the base's.
  std::vector<FileTensor<float>> tensors = adapter.export_tensors(FileContent::values);
  const Tensor<float>& b = tensors[1].value;
  CHECK(tensors[1].name == "transformer.h.0.attn.c_attn.lora_B.weight");
  REQUIRE(b.shape() == std::vector<Index>{3 * width, 4});
  for (Index i = 0; i < 3 * width; ++i) {
    for (Index k = 0; k < 4; ++k) {
      const bool block = (i < width && k < 2) || (i >= 2 * width && k >= 2);
      CHECK((b.matrix()(i, k) != 0.0F) == block);
    }
  }

  const LoraConfig read = [&] {
    const Json json = read_json_file(dir.path() / "parts" / "adapter_config.json");
    return LoraConfig::from_json(JsonFields(json, "config"));
  }();
  CHECK(read.r == 4);
  CHECK(read.lora_alpha == 12);
  CHECK(read.target_modules == ModuleNames{"c_attn"});

  // Loaded it knows its parts, and goes on as before.
  GPT2<float> plain = tiny_model<float>();
  plain.load_adapter("a", dir.path() / "parts");
  CHECK(same_bits(plain.logits(kIds), model.logits(kIds)));
  CHECK(plain.trainable_parameter_count() == model.trainable_parameter_count());
  GPT2<float> again = tiny_model<float>();
  again.load_adapter("a", dir.path() / "parts");
  auto& loaded = dynamic_cast<LoraAdapter<float>&>(again.adapter("a"));
  loaded.keep_parts({"c_attn.q", "c_attn.v"});
  loaded.keep_parts({"c_attn.q", "c_attn.v"});
  loaded.keep_parts({"c_attn", "c_fc"});
  CHECK(again.trainable_parameter_count() == model.trainable_parameter_count());
  CHECK(same_bits(again.logits(kIds), model.logits(kIds)));
  train_step(model);
  train_step(again);
  CHECK(same_bits(again.logits(kIds), model.logits(kIds)));
  model.save_adapter("a", dir.path() / "first");
  again.save_adapter("a", dir.path() / "second");
  for (const std::string_view name : {kAdapterConfigFile, kAdapterTensorFile}) {
    CHECK(file_bytes(dir, "first", name) == file_bytes(dir, "second", name));
  }
  train_step(plain);
  plain.save_adapter("a", dir.path() / "third");
  CHECK(file_bytes(dir, "first", kAdapterTensorFile) ==
        file_bytes(dir, "third", kAdapterTensorFile));
}

TEST_CASE("Gradients of parts are those of the whole where they train", "[lora]") {
  const TempDir dir;
  GPT2<double> model = tiny_model<double>();
  LoraAdapter<double>& adapter = lora(model, kQueryValue);
  disturb(model.trainable_parameters(), 0.3, 21);
  model.save_adapter("a", dir.path() / "parts");
  GPT2<double> whole = tiny_model<double>();
  whole.load_adapter("a", dir.path() / "parts");
  read_adapter_tensors(dir.path() / "parts", model.adapter("a"));  // both rounded to float32
  const Batch batch = random_batch({6, 1, 4}, model.config());
  Tape<double> tape;
  tape.backward(model.loss(tape, batch));
  tape.backward(whole.loss(tape, batch));
  const auto parts = adapter.export_tensors(FileContent::gradients);
  const auto all = whole.adapter("a").export_tensors(FileContent::gradients);
  REQUIRE(parts.size() == all.size());
  Index zeros = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    REQUIRE(parts[i].name == all[i].name);
    REQUIRE(parts[i].value.shape() == all[i].value.shape());
    for (Index k = 0; k < parts[i].value.size(); ++k) {
      const double got = parts[i].value.data()[k];
      if (got == 0.0) {
        ++zeros;
      } else {
        CHECK(got == Approx(all[i].value.data()[k]).epsilon(1e-10));
      }
    }
  }
  const Index width = model.config().n_embd;
  CHECK(zeros == 4 * (3 * width * 4 - 2 * width * 2));
}

TEST_CASE("Parts are refused where B has something else, or they do not fit", "[lora]") {
  GPT2<float> model = tiny_model<float>();
  LoraAdapter<float>& adapter = lora(model, {.r = 4});
  disturb(model.trainable_parameters(), 0.3, 21);
  const Matrix<float> before = model.logits(kIds);
  check_throws<ConfigError>(
      [&] {
        return (adapter.keep_parts({"c_attn.q", "c_attn.v"}), 0);
      },
      "lora.parts", {"transformer.h.0.attn.c_attn.lora_B.weight", "expected 0"});
  check_throws<ConfigError>(
      [&] {
        return (adapter.keep_parts({"c_attn.q", "attn.c_attn.k", "c_attn.v"}), 0);
      },
      "lora.parts", {"lora_A.weight", "3 parts", "found 4"});
  CHECK(same_bits(model.logits(kIds), before));

  GPT2<float> other = tiny_model<float>();
  LoraAdapter<float>& dora = lora(other, {.use_dora = true});
  check_throws<ConfigError>([&] { return (dora.keep_parts({"c_attn.q"}), 0); }, "lora.conflict",
                            {"use_dora"});
  LoraAdapter<float>& parts =
      dynamic_cast<LoraAdapter<float>&>(other.add_adapter("parts", kQueryValue));
  check_throws<ConfigError>([&] { return (parts.keep_parts({"c_attn.k"}), 0); }, "lora.parts",
                            {"other parts"});
  std::vector<FileTensor<float>> tensors = parts.export_tensors(FileContent::values);
  tensors[1].value.data()[3] = 1.0F;
  check_throws<ConfigError>([&] { return (parts.import_tensors(std::move(tensors)), 0); },
                            "lora.parts", {"row 0, column 3", "found 1"});
  check_throws<ShapeError>([&] { return (parts.import_tensors({}), 0); }, "adapter.tensors",
                           {"lora_A.weight", "none"});
}

TEST_CASE("Biases and saved modules are copies that stand in for the base's", "[lora]") {
  GPT2<float> model = tiny_model<float>();
  const Matrix<float> base = model.logits(kIds);
  LoraAdapter<float>& adapter = lora(model, {.target_modules = {"mlp.c_proj"},
                                             .layers_to_transform = {1},
                                             .bias = LoraBias::all,
                                             .modules_to_save = {"ln_f", "wpe", "h.2.attn"}});
  CHECK(same_bits(model.logits(kIds), base));
  CHECK(model.trainable_parameter_count() == parameter_count(adapter.config(), model.config()));
  for (const std::string name :
       {"transformer.h.1.mlp.c_proj.base_layer.bias", "transformer.h.0.ln_1.bias",
        "transformer.ln_f.weight", "transformer.ln_f.bias", "transformer.wpe.weight",
        "transformer.h.2.attn.c_attn.weight"}) {
    CAPTURE(name);
    Parameter<float>& p = tensor(adapter, name);
    p.value().data()[0] += 1.0F;
    CHECK(!same_bits(model.logits(kIds), base));
    model.disable_adapters();
    CHECK(same_bits(model.logits(kIds), base));
    model.enable_adapters();
    p.value().data()[0] -= 1.0F;
  }
}

TEST_CASE("A base in bfloat16 takes LoRA, DoRA and copies", "[lora]") {
  const ScopedIsa use(widening_isa());
  const GPT2Config config = tiny_config();
  GPT2<float> half(config, {.threads = 1, .frozen_dtype = DType::bfloat16});
  GPT2<float> full(config, {.threads = 1});
  for (Parameter<float>* p : full.parameters()) {
    if (p->pack_order() == PackOrder::none) continue;
    for (float& x : p->value().span()) x = to_float(to_bfloat16(x));
  }
  const LoraConfig adapter{
      .target_modules = {"c_attn", "c_fc"}, .use_dora = true, .modules_to_save = {"wpe"}};
  for (GPT2<float>* model : {&half, &full}) {
    model->add_adapter("a", adapter);
    disturb(model->trainable_parameters(), 0.3, 21);
    train_step(*model);
  }
  const Matrix<float> difference = half.logits(kIds) - full.logits(kIds);
  CHECK(difference.cwiseAbs().maxCoeff() < 1e-5F);
}

TEST_CASE("With equal_init all blocks begin with the A of the first", "[lora]") {
  const auto starts = [](bool equal) {
    GPT2<float> model = tiny_model<float>();
    LoraConfig config = kQueryValue;
    config.equal_init = equal;
    std::vector<std::vector<float>> values;
    for (Parameter<float>* p : lora(model, config).parameters()) {
      if (p->name().find("lora_A") == std::string::npos) continue;
      values.emplace_back(p->value().span().begin(), p->value().span().end());
    }
    return values;
  };
  const auto equal = starts(true);
  const auto plain = starts(false);
  REQUIRE(equal.size() == static_cast<std::size_t>(tiny_config().n_layer));
  REQUIRE(equal.size() > 1);
  for (const auto& values : equal) CHECK(values == plain[0]);
  CHECK(plain[1] != plain[0]);
  // It says how an adapter began, which no file of peft's does.
  CHECK(LoraConfig{.equal_init = true}.to_json("") == LoraConfig{}.to_json(""));
}

TEST_CASE("Dropout can be changed, within its range", "[lora]") {
  GPT2<float> model = tiny_model<float>();
  LoraAdapter<float>& adapter = lora(model, {.lora_dropout = 0.5});
  disturb(model.trainable_parameters(), 0.3, 21);
  const auto loss = [&model] {
    Tape<float> tape;
    return model.loss(tape, random_batch({6, 1, 4}, model.config())).item();
  };
  const float dropped = loss();
  adapter.set_dropout(0.0);
  CHECK(loss() != dropped);
  CHECK(adapter.config_json("").find("\"lora_dropout\": 0.0") != std::string::npos);
  check_throws<ConfigError>([&] { return (adapter.set_dropout(1.0), 0); }, "config.range",
                            {"lora_dropout", "found 1"});
  check_throws<ConfigError>([&] { return (adapter.set_dropout(std::nan("")), 0); }, "config.range",
                            {"lora_dropout", "nan"});
}

TEST_CASE("peft's own folders are loaded, saved and loaded again", "[lora]") {
  const TempDir dir;
  const std::filesystem::path folders = golden_dir() / "lora";
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folders)) {
    CAPTURE(entry.path().filename().string());
    auto model = GPT2<float>::from_pretrained(golden_dir() / "tiny-gpt2", {.threads = 1});
    model.load_adapter("peft", entry.path());
    const auto first = dir.path() / concat("first", count);
    const auto second = dir.path() / concat("second", count++);
    model.save_adapter("peft", first);
    model.load_adapter("again", first);
    model.save_adapter("again", second);
    for (const std::string_view name : {kAdapterConfigFile, kAdapterTensorFile}) {
      CHECK(read_text_file(first / name) == read_text_file(second / name));
    }
    const std::vector<int> ids = {5, 100, 7, 500, 3};
    CHECK(
        same_bits(model.logits(ids, {.adapter = "peft"}), model.logits(ids, {.adapter = "again"})));
    // The tensors of the file are all there, bit for bit, leftovers of peft's aside.
    const auto theirs = SafetensorsFile::open(entry.path() / kAdapterTensorFile);
    const auto ours = SafetensorsFile::open(first / kAdapterTensorFile);
    for (const TensorInfo& info : ours.tensors()) {
      const TensorInfo& other = theirs.at(info.name);
      REQUIRE(info.shape == other.shape);
      std::vector<float> a(static_cast<std::size_t>(Tensor<float>::count(info.shape)));
      std::vector<float> b(a.size());
      ours.read<float>(info, a);
      theirs.read<float>(other, b);
      CHECK(a == b);
    }
    CHECK(ours.tensors().size() == theirs.tensors().size());
  }
  CHECK(count >= 17);
}

TEST_CASE("A file that does not fit its configuration is refused", "[lora]") {
  const TempDir dir;
  const std::filesystem::path source = golden_dir() / "lora" / "c-attn-r4";
  const auto folder = dir.path() / "changed";
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(source / kAdapterTensorFile, folder / kAdapterTensorFile);
  auto model = GPT2<float>::from_pretrained(golden_dir() / "tiny-gpt2", {.threads = 1});
  const auto load = [&](const std::string& key, const Json& value) {
    Json json = read_json_file(source / kAdapterConfigFile);
    json[key] = value;
    AtomicFile file(folder / kAdapterConfigFile);
    file.write(dump_sorted(json));
    file.commit();
    return [&model, &folder] {
      model.load_adapter("x", folder);
      return 0;
    };
  };
  check_throws<ShapeError>(load("r", 8), "adapter.shape", {"lora_A.weight", "(8, 32)", "(4, 32)"});
  check_throws<ShapeError>(load("r", 1 << 24), "adapter.shape", {"(16777216, 32)"});
  check_throws<ShapeError>(load("rank_pattern", Json{{"c_attn", 2}}), "adapter.shape", {"(2, 32)"});
  check_throws<FormatError>(load("target_modules", Json{"c_attn", "c_fc"}), "adapter.tensors",
                            {"c_fc.lora_A.weight"});
  check_throws<FormatError>(load("layers_to_transform", Json{0, 1}), "adapter.tensors",
                            {"unexpected", "h.2.attn.c_attn.lora_A"});
  check_throws<FormatError>(load("use_dora", true), "adapter.tensors", {"missing", "lora_magnitu"});
  check_throws<FormatError>(load("bias", "lora_only"), "adapter.tensors",
                            {"missing", "base_layer"});
  check_throws<ConfigError>(load("target_modules", Json{"q_proj"}), "lora.target",
                            {"adapter_config.json", "q_proj"});
  check_throws<ConfigError>(load("lora_alpha", 1e308), "config.range",
                            {"adapter_config.json", "lora_alpha", "1e+308"});
  check_throws<ConfigError>(load("kasa_config", Json::object()), "lora.unsupported",
                            {"kasa_config"});
  CHECK(model.adapter_names().empty());
  CHECK(load("revision", "main")() == 0);
}
