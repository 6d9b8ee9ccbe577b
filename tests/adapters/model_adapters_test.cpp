// SPDX-License-Identifier: MIT
// Adding, switching and refusing adapters on a model.

#include "adapters/gated_tanh.hpp"
#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"

using namespace solo;
using namespace solo::test;

namespace {

const std::vector<int> kIds = {3, 17, 5};

/// An adapter whose parts a test sets as it likes.
struct Custom final : LinearAdapter<float> {
  std::vector<std::unique_ptr<Parameter<float>>> tensors;
  std::vector<LinearSite> places = {{0, LinearKind::attn_c_attn}};
  std::vector<Replacement<float>> stand_ins;
  std::vector<const TableUpdate<float>*> updates;

  explicit Custom(const std::vector<std::string>& names = {"a"}) {
    for (const std::string& name : names) {
      tensors.push_back(std::make_unique<Parameter<float>>(name, std::vector<Index>{8}));
    }
  }
  [[nodiscard]] std::vector<Parameter<float>*> parameters() override {
    std::vector<Parameter<float>*> result;
    for (const auto& p : tensors) result.push_back(p.get());
    return result;
  }
  [[nodiscard]] std::vector<LinearSite> sites() const override { return places; }
  [[nodiscard]] Var<float> apply(Tape<float>&, const LinearCall<float>& call) override {
    return call.y;
  }
  [[nodiscard]] std::vector<Replacement<float>> replacements() override { return stand_ins; }
  [[nodiscard]] std::vector<const TableUpdate<float>*> table_updates() const override {
    return updates;
  }
};

/// Requires the refusal, and that the model is as before.
void refused(GPT2<float>& model, std::unique_ptr<Adapter<float>> adapter, std::string_view id,
             const std::vector<std::string>& parts) {
  const std::vector<std::string> names = model.adapter_names();
  const std::string active = model.active_adapter();
  const Index trainable = model.trainable_parameter_count();
  check_throws<ConfigError>([&] { (void)model.add_adapter("bad", std::move(adapter)); }, id, parts);
  CHECK(model.adapter_names() == names);
  CHECK(model.active_adapter() == active);
  CHECK(model.trainable_parameter_count() == trainable);
}

std::unique_ptr<Adapter<float>> linked(std::vector<Link> links) {
  return std::make_unique<GatedTanh<float>>(tiny_config(), std::move(links));
}

}  // namespace

TEST_CASE("What trains, without and with adapters", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  CHECK(model.active_adapter().empty());
  CHECK(model.trainable_parameters() == model.parameters());
  CHECK(model.trainable_parameter_count() == model.parameter_count());
  Adapter<float>& added = model.add_adapter("a", SoloConfig{.r = 3});
  CHECK(&added == &model.adapter("a"));
  CHECK(model.trainable_parameters() == added.parameters());
  CHECK(model.trainable_parameter_count() == model.trainable_parameter_count("a"));
  CHECK(model.trainable_parameter_count("a") == 2 * 8 * 3 + 11 + 12);
  for (const Parameter<float>* p : model.parameters()) CHECK(!p->requires_grad());
  model.add_adapter(
      "b",
      SoloConfig{.r = 3, .stride = 1, .factors = SoloFactors::frozen, .init = SoloInit::paper});
  CHECK(model.adapter_names() == std::vector<std::string>{"a", "b"});
  CHECK(model.active_adapter() == "b");
  CHECK(model.trainable_parameter_count() == 3 * 12);
  CHECK(model.trainable_parameters().size() == 9);
  CHECK(model.adapter("b").parameters().size() == 13);
  model.disable_adapters();
  CHECK(model.trainable_parameters().empty());
  CHECK(model.trainable_parameter_count() == 0);
  model.enable_adapters();
  model.delete_adapter("b");
  CHECK(model.active_adapter().empty());
  CHECK(model.adapter_names() == std::vector<std::string>{"a"});
  CHECK(model.trainable_parameters().empty());
  model.set_adapter("a");
  CHECK(model.trainable_parameters() == added.parameters());
}

TEST_CASE("Base gradients are dropped when the base is frozen", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  Tape<float> tape;
  tape.backward(model.loss(tape, random_batch({4}, model.config())));
  CHECK(model.parameter("wte.weight").has_grad());
  model.add_adapter("a", SoloConfig{.r = 3});
  for (const Parameter<float>* p : model.parameters()) CHECK(!p->has_grad());
}

TEST_CASE("Adapter names are unique and known", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", SoloConfig{.r = 3});
  check_throws<ConfigError>([&] { (void)model.add_adapter("a", SoloConfig{.r = 3}); },
                            "adapter.name", {"'a'"});
  check_throws<ConfigError>([&] { (void)model.add_adapter("", SoloConfig{.r = 3}); },
                            "adapter.name", {"empty"});
  check_throws<ConfigError>([&] { model.set_adapter("b"); }, "adapter.unknown", {"'b'", "'a'"});
  check_throws<ConfigError>([&] { model.delete_adapter("b"); }, "adapter.unknown", {"'b'"});
  check_throws<ConfigError>([&] { return model.logits(kIds, {.adapter = "b"}); }, "adapter.unknown",
                            {"'b'"});
  check_throws<ConfigError>([&] { return model.trainable_parameter_count("b"); }, "adapter.unknown",
                            {"'b'"});
  check_throws<ConfigError>([&] { model.save_adapter("b", "/nowhere"); }, "adapter.unknown",
                            {"'b'"});
  check_throws<ConfigError>([&] { (void)model.adapter("b\n"); }, "adapter.unknown", {"\\x0a"});
  CHECK(model.adapter_names() == std::vector<std::string>{"a"});
  CHECK(model.active_adapter() == "a");
}

TEST_CASE("A configuration that is no good leaves the model trainable", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  check_throws<ConfigError>([&] { (void)model.add_adapter("a", SoloConfig{.gate_init = 0}); },
                            "solo.dead", {"gate_init"});
  check_throws<ConfigError>([&] { (void)model.add_adapter("a", SoloConfig{.stride = 5}); },
                            "solo.links", {"n_layer 4"});
  CHECK(model.adapter_names().empty());
  CHECK(model.trainable_parameter_count() == model.parameter_count());
}

TEST_CASE("Adapters that do not fit the model are refused", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  refused(model, nullptr, "adapter.null", {"null"});
  refused(model, linked({}), "adapter.links", {"no link"});
  refused(model, linked({{1, 5}}), "adapter.links", {"1 to 5", "n_layer 4"});
  refused(model, linked({{-1, 2}}), "adapter.links", {"-1 to 2"});
  refused(model, linked({{0, 0}}), "adapter.links", {"0 to 0"});
  refused(model, linked({{3, 2}}), "adapter.links", {"3 to 2"});
  refused(model, linked({{1, 2}, {0, 2}, {1, 2}}), "adapter.links", {"1 to 2", "twice"});
  refused(model, std::make_unique<Custom>(std::vector<std::string>{"a", "b", "a"}),
          "adapter.parameters", {"two", "'a'"});
  refused(model, std::make_unique<Custom>(std::vector<std::string>{"a", ""}), "adapter.parameters",
          {"without a name"});
  refused(model, std::make_unique<Custom>(std::vector<std::string>{}), "adapter.nothing_trains",
          {"trainable"});
  auto frozen = std::make_unique<Custom>();
  frozen->tensors[0]->set_requires_grad(false);
  refused(model, std::move(frozen), "adapter.nothing_trains", {"trainable"});

  const auto with_sites = [](std::vector<LinearSite> sites) {
    auto adapter = std::make_unique<Custom>();
    adapter->places = std::move(sites);
    return adapter;
  };
  refused(model, with_sites({}), "adapter.sites", {"no linear layer"});
  refused(model, with_sites({{4, LinearKind::mlp_c_fc}}), "adapter.sites",
          {"h.4.mlp.c_fc", "n_layer 4"});
  refused(model, with_sites({{-1, LinearKind::mlp_c_fc}}), "adapter.sites", {"h.-1.mlp.c_fc"});
  refused(model, with_sites({{1, LinearKind::mlp_c_fc}, {1, LinearKind::mlp_c_fc}}),
          "adapter.sites", {"h.1.mlp.c_fc", "twice"});

  const auto with_replacements = [](const std::vector<std::string>& names) {
    auto adapter = std::make_unique<Custom>();
    for (const std::string& name : names) {
      adapter->stand_ins.push_back({.base = name, .tensor = adapter->tensors[0].get()});
    }
    return adapter;
  };
  refused(model, with_replacements({"h.9.ln_1.bias"}), "adapter.replacements", {"'h.9.ln_1.bias'"});
  refused(model, with_replacements({"h.1.ln_1.bias", "h.1.ln_1.bias"}), "adapter.replacements",
          {"'h.1.ln_1.bias'", "twice"});
  refused(model, with_replacements({"h.1.mlp.c_fc.bias"}), "adapter.replacements",
          {"'h.1.mlp.c_fc.bias'", "(32,)", "(8,)"});
  CHECK_NOTHROW(model.add_adapter("good", with_replacements({"h.1.ln_1.bias"})));
}

TEST_CASE("Changes of tables that do not fit are refused", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  Parameter<float> a("a", {2, 23});
  Parameter<float> b("b", {8, 2});
  const TableUpdate<float> good{.base = "wte.weight", .a = &a, .b = &b};
  const auto with = [](const std::vector<const TableUpdate<float>*>& updates) {
    auto adapter = std::make_unique<Custom>();
    adapter->places.clear();
    adapter->updates = updates;
    return adapter;
  };
  TableUpdate<float> bad = good;
  bad.base = "wpe.weight";
  refused(model, with({&bad}), "adapter.updates", {"'wpe.weight'", "lm_head.weight"});
  bad = {.base = "lm_head.weight", .a = &a, .b = &b};
  refused(model, with({&bad}), "adapter.updates", {"'lm_head.weight'", "(r, 8)", "(2, 23)"});
  bad = {.base = "wte.weight", .a = &a};
  refused(model, with({&bad}), "adapter.updates", {"factors"});
  bad = good;
  bad.dropout = 1.0;
  refused(model, with({&bad}), "adapter.updates", {"dropout"});
  refused(model, with({&good, &good}), "adapter.updates", {"'wte.weight'", "twice"});
  CHECK_NOTHROW(model.add_adapter("good", with({&good})));
}

TEST_CASE("A replaced base tensor trains in the base's place", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  const Matrix<float> base = model.logits(kIds);
  auto adapter = std::make_unique<Custom>();
  Parameter<float>& own = *adapter->tensors[0];
  adapter->stand_ins = {{"h.2.ln_1.bias", &own}};
  const Tensor<float>& original = model.parameter("h.2.ln_1.bias").value();
  std::copy_n(original.data(), original.size(), own.value().data());
  model.add_adapter("a", std::move(adapter));
  CHECK(same_bits(model.logits(kIds), base));
  Tape<float> tape;
  tape.backward(model.loss(tape, random_batch({5}, model.config())));
  CHECK(own.has_grad());
  own.value().data()[3] += 0.5F;
  CHECK(!same_bits(model.logits(kIds), base));
  CHECK(same_bits(model.logits(kIds, {.adapter = ""}), base));
}

TEST_CASE("Nothing is recorded below an adapter's lowest place", "[adapters]") {
  // The same top on four and on ten blocks: as many operations, and sources of links alone stay.
  const auto recorded = [](Index layers, const auto& config) {
    GPT2Config size = tiny_config();
    size.n_layer = layers;
    GPT2<float> model = tiny_model<float>(size);
    model.add_adapter("a", config);
    Tape<float> tape;
    const Batch batch = random_batch({6, 3}, size);
    const Var<float> loss = model.loss(tape, batch);
    const Index operations = tape.size();
    tape.backward(loss);
    for (Parameter<float>* p : model.parameters()) CHECK(!p->has_grad());
    return operations;
  };
  const auto link = [](int src, int dst) {
    return SoloConfig{.r = 2, .links = SoloLinks{{src, dst}}, .init = SoloInit::identity};
  };
  CHECK(recorded(10, link(7, 9)) == recorded(4, link(1, 3)));
  CHECK(recorded(10, link(7, 9)) > recorded(10, link(8, 10)));
  CHECK(recorded(10, LoraConfig{.r = 2, .layers_to_transform = {9}}) ==
        recorded(4, LoraConfig{.r = 2, .layers_to_transform = {3}}));
}

TEST_CASE("A moved model keeps its adapters", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", SoloConfig{.r = 3});
  disturb(model.trainable_parameters(), 0.3, 21);
  const Matrix<float> adapted = model.logits(kIds);
  const GPT2<float> moved = std::move(model);
  CHECK(moved.active_adapter() == "a");
  CHECK(same_bits(moved.logits(kIds), adapted));
}

TEST_CASE("A Solo adapter cannot be merged", "[adapters]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", SoloConfig{.r = 3});
  check_throws<ConfigError>([&] { return model.merge_adapter("a"); }, "adapter.merge",
                            {"'a'", "SOLO"});
}
