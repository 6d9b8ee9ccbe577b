// SPDX-License-Identifier: MIT
// Adapter folders: what is written, and that anything else is refused.

#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/io/safetensors_write.hpp>

#include "adapters/gated_tanh.hpp"
#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <map>

using namespace solo;
using namespace solo::test;

namespace {

const std::vector<int> kIds = {3, 17, 5};
const std::string kPrefix = "base_model.model.transformer.solo.";

/// A saved Solo adapter on disk whose files a test spoils.
struct Folder {
  TempDir dir;
  std::filesystem::path path;
  std::map<std::string, std::pair<std::vector<Index>, std::vector<double>>> tensors;

  explicit Folder(const SoloConfig& config = {.r = 3, .stride = 1}) : path(dir.path() / "saved") {
    GPT2<float> model = tiny_model<float>();
    model.add_adapter("a", config);
    model.save_adapter("a", path);
    const SafetensorsFile file = SafetensorsFile::open(tensor_file());
    for (const TensorInfo& info : file.tensors()) {
      std::vector<double> values(static_cast<std::size_t>(info.size()));
      file.read<double>(info, values);
      tensors[info.name] = {info.shape, values};
    }
  }
  [[nodiscard]] std::filesystem::path config_file() const { return path / kAdapterConfigFile; }
  [[nodiscard]] std::filesystem::path tensor_file() const { return path / kAdapterTensorFile; }
  void write_tensors(DType dtype = DType::float32) const {
    std::vector<TensorRef> refs;
    for (const auto& [name, tensor] : tensors) {
      refs.push_back({name, tensor.first, std::span<const double>(tensor.second)});
    }
    SafetensorsWriteOptions options;
    options.dtype = dtype;
    write_safetensors(tensor_file(), refs, options);
  }
  void set(const std::string& key, const Json& value) const {
    Json json = read_json_file(config_file());
    json[key] = value;
    write_file_atomically(config_file(), dump_sorted(json));
  }
  void overwrite(const std::string& old_bytes, const std::string& new_bytes) const {
    std::string bytes = read_text_file(tensor_file());
    const std::size_t at = bytes.find(old_bytes);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, old_bytes.size(), new_bytes);
    write_file_atomically(tensor_file(), bytes);
  }
};

/// Requires that loading is refused and leaves the model as it was.
template <class E>
void refused(const Folder& folder, std::string_view id, const std::vector<std::string>& parts,
             const GPT2Config& config = tiny_config()) {
  GPT2<float> model = tiny_model<float>(config);
  check_throws<E>([&] { model.load_adapter("b", folder.path); }, id, parts);
  CHECK(model.adapter_names().empty());
  CHECK(model.trainable_parameter_count() == model.parameter_count());
}

}  // namespace

TEST_CASE("The two files of a saved adapter", "[adapter-file]") {
  const Folder folder;
  CHECK(read_peft_type(folder.path) == "SOLO");
  const SafetensorsFile file = SafetensorsFile::open(folder.tensor_file());
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.metadata().at("solo_config").find("\"r\":3") != std::string::npos);
  CHECK(file.metadata().size() == 2);
  CHECK(file.tensors().size() == 13);
  for (const TensorInfo& info : file.tensors()) {
    CHECK(info.dtype == "F32");
    CHECK(info.name.starts_with(kPrefix));
  }
  CHECK(file.at(kPrefix + "links.1-2.e").shape == std::vector<Index>{3});
  CHECK(file.at(kPrefix + "links.2-3.v").shape == std::vector<Index>{8});
  CHECK(file.at(kPrefix + "links.3-4.gate").shape == std::vector<Index>{1});
  CHECK(file.at(kPrefix + "maps.0.down.weight").shape == std::vector<Index>{3, 8});
  CHECK(file.at(kPrefix + "maps.0.down.bias").shape == std::vector<Index>{3});
  CHECK(file.at(kPrefix + "maps.0.up.weight").shape == std::vector<Index>{8, 3});
  CHECK(file.at(kPrefix + "maps.0.up.bias").shape == std::vector<Index>{8});
  std::size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
    entries += entry.is_regular_file() ? 1U : 0U;
  }
  CHECK(entries == 2);
}

TEST_CASE("Frozen factors, own maps and a global gate are in the file", "[adapter-file]") {
  const Folder folder({.r = 2,
                       .links = {{0, 2}, {1, 4}},
                       .share = SoloShare::none,
                       .factors = SoloFactors::frozen,
                       .gate_scope = SoloGateScope::global,
                       .init = SoloInit::paper});
  CHECK(folder.tensors.size() == 1 + 2 * 2 + 2 * 4);
  CHECK(folder.tensors.contains(kPrefix + "gate"));
  CHECK(folder.tensors.contains(kPrefix + "maps.0-2.down.weight"));
  CHECK(folder.tensors.contains(kPrefix + "maps.1-4.up.bias"));
  GPT2<float> model = tiny_model<float>();
  model.load_adapter("b", folder.path);
  CHECK(model.trainable_parameter_count("b") == 1 + 2 * (2 + 8));
}

TEST_CASE("Half, double and single precision tensors are read", "[adapter-file]") {
  for (const DType dtype : {DType::float16, DType::bfloat16, DType::float64}) {
    Folder folder;
    for (auto& [name, tensor] : folder.tensors) {
      for (double& x : tensor.second) x = 0.375;
    }
    folder.write_tensors(dtype);
    GPT2<float> model = tiny_model<float>();
    model.load_adapter("b", folder.path);
    for (Parameter<float>* p : model.adapter("b").parameters()) {
      CHECK(p->value().data()[0] == 0.375F);
    }
  }
}

TEST_CASE("Loading and saving again in double gives the same files", "[adapter-file]") {
  const Folder folder;
  GPT2<double> model = tiny_model<double>();
  model.load_adapter("b", folder.path);
  model.save_adapter("b", folder.dir.path() / "again");
  CHECK(read_text_file(folder.dir.path() / "again" / kAdapterTensorFile) ==
        read_text_file(folder.tensor_file()));
}

TEST_CASE("A configuration that loading refuses", "[adapter-file]") {
  {
    const Folder folder;
    std::filesystem::remove(folder.config_file());
    refused<IoError>(folder, "io.open", {"adapter_config.json"});
    write_file_atomically(folder.path / "config.json", "{}");
    refused<IoError>(folder, "io.open", {"adapter_config.json", "the folder is a model's"});
  }
  {
    const Folder folder;
    write_file_atomically(folder.config_file(), R"({"model_type": "gpt2", "config": {}})");
    refused<FormatError>(folder, "adapter.format", {"adapter_config.json", "peft_type"});
  }
  const auto with = [](const std::string& key, const Json& value) {
    auto folder = std::make_unique<Folder>();
    folder->set(key, value);
    return folder;
  };
  refused<FormatError>(*with("peft_type", nullptr), "adapter.format", {"peft_type"});
  refused<FormatError>(*with("peft_type", 3), "json.type", {"peft_type", "3"});
  refused<ConfigError>(*with("peft_type", "IA3"), "adapter.kind",
                       {"adapter_config.json", "peft_type", "SOLO", "'IA3'"});
  refused<ConfigError>(*with("task_type", "SEQ_CLS"), "adapter.task_type",
                       {"adapter_config.json", "'SEQ_CLS'"});
  refused<FormatError>(*with("base_model_name_or_path", 7), "json.type",
                       {"base_model_name_or_path", "a string or null"});
  refused<FormatError>(*with("rank", 3), "json.unknown_key", {"adapter_config.json", "rank"});
  refused<ConfigError>(*with("scale", 0), "config.range", {"adapter_config.json", "scale", "0"});
  refused<ConfigError>(*with("gate_init", 0), "solo.dead", {"adapter_config.json", "gate_init"});
  {
    Folder folder({.r = 3, .stride = 1, .init = SoloInit::paper});
    folder.set("use_v", false);
    refused<ConfigError>(folder, "solo.identity", {"adapter_config.json", "use_v"});
  }
  refused<ConfigError>(*with("links", Json::array({Json::array({3, 9})})), "solo.links",
                       {"adapter_config.json", "3 to 9", "n_layer 4"});
  refused<ConfigError>(*with("links", Json::array()), "solo.links", {"no link"});
}

TEST_CASE("Tensors that are not the configuration's are refused", "[adapter-file]") {
  const std::vector<std::string> both = {"adapter_model.safetensors", "adapter_config.json"};
  const auto parts = [&](std::vector<std::string> more) {
    more.insert(more.end(), both.begin(), both.end());
    return more;
  };
  {
    Folder folder;
    folder.tensors.erase(kPrefix + "links.2-3.v");
    folder.write_tensors();
    refused<FormatError>(folder, "adapter.tensors", parts({"missing", "links.2-3.v'"}));
  }
  {
    Folder folder;
    folder.tensors[kPrefix + "links.9-9.v"] = {{1}, {0.0}};
    folder.write_tensors();
    refused<FormatError>(folder, "adapter.tensors", parts({"unexpected", "links.9-9.v'"}));
  }
  {
    Folder folder;  // all keys renamed: peft would load nothing and say little
    auto renamed = folder.tensors;
    renamed.clear();
    for (const auto& [name, tensor] : folder.tensors) renamed["x." + name] = tensor;
    folder.tensors = renamed;
    folder.write_tensors();
    refused<FormatError>(folder, "adapter.tensors",
                         parts({"missing", "unexpected", " more", "'x.base_model"}));
  }
  {
    Folder folder;
    folder.tensors[kPrefix + "maps.0.up.weight"].first = {3, 8};
    folder.write_tensors();
    refused<ShapeError>(folder, "adapter.shape", parts({"'maps.0.up.weight'", "(8, 3)", "(3, 8)"}));
  }
  {
    const Folder folder;
    std::filesystem::remove(folder.tensor_file());
    refused<IoError>(folder, "io.open", {"adapter_model.safetensors"});
    write_file_atomically(folder.path / "adapter_model.bin", "x");
    refused<IoError>(folder, "io.open",
                     {"adapter_model.safetensors", "'adapter_model.bin'", "save_pretrained"});
  }
  {
    const Folder folder;
    folder.overwrite(R"("dtype":"F32")", R"("dtype":"I32")");
    refused<FormatError>(folder, "adapter.dtype", parts({"I32", "F32"}));
  }
}

TEST_CASE("NaN and infinities in a file are refused", "[adapter-file]") {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Folder folder;
    folder.tensors[kPrefix + "links.1-2.gate"].second[0] = 1.0078125;
    folder.write_tensors();
    const auto bytes = [](float x) {
      return std::string(reinterpret_cast<const char*>(&x), sizeof(x));
    };
    folder.overwrite(bytes(1.0078125F), bytes(bad));
    refused<NumericError>(folder, "numeric.nonfinite",
                          {"adapter_model.safetensors", "links.1-2.gate"});
  }
}

TEST_CASE("An adapter for another base is refused and both are named", "[adapter-file]") {
  GPT2Config wider = tiny_config();
  wider.n_embd = 12;
  refused<ShapeError>(
      Folder(), "adapter.shape",
      {"adapter_model.safetensors", "adapter_config.json", "n_embd 12", "(12,)", "(8,)"}, wider);
  GPT2Config deeper = tiny_config();
  deeper.n_layer = 5;
  refused<FormatError>(Folder(), "adapter.tensors",
                       {"adapter_config.json", "n_layer 5", "links.4-5.e'"}, deeper);
  GPT2Config shallow = tiny_config();
  shallow.n_layer = 3;
  refused<ConfigError>(Folder({.r = 2, .links = {{1, 4}}}), "solo.links",
                       {"adapter_config.json", "1 to 4", "n_layer 3"}, shallow);
}

TEST_CASE("A configuration that claims much memory costs none", "[adapter-file]") {
  const Folder folder;
  folder.set("r", 1 << 24);
  // down alone would be 512 MB, which the file has not.
  refused<FormatError>(folder, "adapter.mixed", {"r is 16777216", "saved with 3"});
}

TEST_CASE("Values that are not finite are not written", "[adapter-file]") {
  const Folder folder;
  const std::string config = read_text_file(folder.config_file());
  const std::string tensors = read_text_file(folder.tensor_file());
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", SoloConfig{.r = 2, .stride = 1});
  model.trainable_parameters()[0]->value().data()[0] = std::nanf("");
  check_throws<NumericError>([&] { model.save_adapter("a", folder.path); }, "numeric.nonfinite",
                             {"links.1-2.e"});
  CHECK(read_text_file(folder.config_file()) == config);
  CHECK(read_text_file(folder.tensor_file()) == tensors);
}

TEST_CASE("One's own kind is written, and read into an adapter of it", "[adapter-file]") {
  const TempDir dir;
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("mine", std::make_unique<GatedTanh<float>>(model.config()));
  disturb(model.trainable_parameters(), 0.3, 21);
  model.save_adapter("mine", dir.path());
  CHECK(read_peft_type(dir.path()) == "CUSTOM");
  GPT2<float> other = tiny_model<float>();
  check_throws<ConfigError>([&] { other.load_adapter("b", dir.path()); }, "adapter.kind",
                            {"'CUSTOM'"});
  other.add_adapter("b", std::make_unique<GatedTanh<float>>(other.config()));
  read_adapter_tensors(dir.path(), other.adapter("b"));
  CHECK(same_bits(other.logits(kIds), model.logits(kIds)));
  other.add_adapter("c", SoloConfig{.r = 2});
  check_throws<ConfigError>([&] { read_adapter_tensors(dir.path(), other.adapter("c")); },
                            "adapter.kind", {"'SOLO'", "'CUSTOM'"});
}

TEST_CASE("Exported gradients have the names of the file", "[adapter-file]") {
  GPT2<float> model = tiny_model<float>();
  Adapter<float>& adapter =
      model.add_adapter("a", SoloConfig{.r = 2, .stride = 1, .factors = SoloFactors::down_frozen});
  for (const FileTensor<float>& t : adapter.export_tensors(FileContent::gradients)) {
    CHECK(!t.name.starts_with("maps.0.down"));
    CHECK(same_bits(t.value, Tensor<float>(t.value.shape())));
  }
  Tape<float> tape;
  tape.backward(model.loss(tape, random_batch({5}, model.config())));
  const auto exported = adapter.export_tensors(FileContent::gradients);
  CHECK(exported.size() == model.trainable_parameters().size());
  CHECK(exported.front().name == "links.1-2.e");
  CHECK(same_bits(exported[1].value, model.trainable_parameters()[1]->grad()));
}
