// SPDX-License-Identifier: MIT
#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace solo;
using namespace solo::test;

namespace {

/// Δ = factor · h.
struct Multiple final : BlockAdapter<double> {
  std::vector<Link> all;
  double factor;
  bool raw;
  Parameter<double> unused{"unused", {1}};

  Multiple(std::vector<Link> links, double by, bool raw_sources)
      : all(std::move(links)), factor(by), raw(raw_sources) {}
  std::vector<Link> links() const override { return all; }
  std::vector<Parameter<double>*> parameters() override { return {&unused}; }
  Var<double> delta(Tape<double>& tape, Link /*link*/, Var<double> h) override {
    return scale(tape, h, factor);
  }
  bool raw_source() const override { return raw; }
};

/// ‖h_0‖, from the embeddings.
double norm_of_embedding(GPT2<double>& model, const Batch& batch) {
  double sum = 0.0;
  const Tensor<double>& wte = model.parameter("wte.weight").value();
  const Tensor<double>& wpe = model.parameter("wpe.weight").value();
  const Index width = model.config().n_embd;
  for (const Segment& s : batch.segments) {
    for (Index i = 0; i < s.length; ++i) {
      const Index id = batch.ids[static_cast<std::size_t>(s.begin + i)];
      for (Index j = 0; j < width; ++j) {
        const double x = wte.data()[id * width + j] + wpe.data()[(s.position + i) * width + j];
        sum += x * x;
      }
    }
  }
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("link statistics: norms of a correction that is a multiple of its source") {
  GPT2<double> model = tiny_model<double>();
  const Batch batch = random_batch({5, 1, 7}, model.config());
  const double h0 = norm_of_embedding(model, batch);
  model.add_adapter(
      "m", std::make_unique<Multiple>(std::vector<Link>{{2, 2}, {0, 1}, {0, 2}}, 0.5, false));
  const std::vector<LinkStatistics> found = link_statistics(model, batch);
  REQUIRE(found.size() == 3);
  for (const LinkStatistics& l : found) CHECK_FALSE(l.gate.has_value());
  const auto of = [&](Link link) {
    const auto it = std::find_if(found.begin(), found.end(),
                                 [&](const LinkStatistics& l) { return l.link == link; });
    REQUIRE(it != found.end());
    return *it;
  };
  CHECK(found[0].link == Link{0, 1});
  CHECK(of({0, 1}).delta_norm == Approx(0.5 * h0).epsilon(1e-12));
  CHECK(of({0, 2}).delta_norm == Approx(0.5 * h0).epsilon(1e-12));
  // A link from an output to itself reads it before any correction.
  CHECK(of({2, 2}).ratio() == Approx(0.5).epsilon(1e-12));
  CHECK(of({0, 2}).destination_norm == of({2, 2}).destination_norm);
}

TEST_CASE("link statistics: gates, and Δ in proportion to them") {
  GPT2<float> model = tiny_model<float>();
  const Batch batch = random_batch({6, 4}, model.config());
  const SoloConfig config{
      .r = 3, .stride = 1, .gate = SoloGate::sigmoid, .init = SoloInit::identity, .scale = 3.0};
  model.add_adapter("a", config);
  for (const LinkStatistics& l : link_statistics(model, batch)) {
    CHECK(l.gate == gate_value(SoloGate::sigmoid, 1.0).value);
    CHECK(l.delta_norm == 0.0);
    CHECK(l.destination_norm > 0.0);
    CHECK(l.ratio() == 0.0);
  }
  disturb(model.adapter("a").parameters(), 0.3, 8);
  const Matrix<float> before = model.logits({1, 2, 3});
  const std::vector<LinkStatistics> first = link_statistics(model, batch);
  REQUIRE(first.size() == 3);
  for (const LinkStatistics& l : first) CHECK(l.ratio() > 0.0);
  Parameter<float>* gate = nullptr;
  for (Parameter<float>* p : model.adapter("a").parameters()) {
    if (p->name() == "links.1-2.gate") gate = p;
  }
  REQUIRE(gate != nullptr);
  gate->value().data()[0] = 2.0F;
  const std::vector<LinkStatistics> second = link_statistics(model, batch);
  CHECK(second[0].link == Link{1, 2});
  CHECK(second[0].gate == gate_value(SoloGate::sigmoid, 2.0).value);
  CHECK(second[0].destination_norm == first[0].destination_norm);
  CHECK(second[0].delta_norm / first[0].delta_norm ==
        Approx(*second[0].gate / *first[0].gate).epsilon(1e-5));
  CHECK(second[1].gate == first[1].gate);
  CHECK(second[2].destination_norm != first[2].destination_norm);
  CHECK_FALSE(same_bits(model.logits({1, 2, 3}), before));
}

TEST_CASE("link statistics: no gate, no dropout, the same bits on any number of threads") {
  const SoloConfig config{.r = 3, .links = SoloLinks::self, .gate = SoloGate::none, .dropout = 0.5};
  const auto of = [&](int threads) {
    GPT2<float> model = tiny_model<float>(tiny_config(), threads);
    model.add_adapter("a", config);
    disturb(model.adapter("a").parameters(), 0.3, 8);
    const Batch batch = random_batch({6, 4, 12}, model.config());
    std::vector<double> numbers;
    for (int i = 0; i < 2; ++i) {
      for (const LinkStatistics& l : link_statistics(model, batch)) {
        CHECK_FALSE(l.gate.has_value());
        numbers.push_back(l.delta_norm);
        numbers.push_back(l.destination_norm);
      }
    }
    return numbers;
  };
  const std::vector<double> one = of(1);
  REQUIRE(one.size() == 16);
  CHECK(std::equal(one.begin(), one.begin() + 8, one.begin() + 8));
  CHECK(of(3) == one);
}

TEST_CASE("link statistics: adapters without links") {
  GPT2<float> model = tiny_model<float>();
  const Batch batch = random_batch({6}, model.config());
  const auto refused = [&] {
    check_throws<ConfigError>([&] { return link_statistics(model, batch); }, "adapter.links",
                              {"link statistics"});
  };
  refused();
  model.add_adapter("lora", LoraConfig{.r = 2});
  refused();
  model.add_adapter("solo", SoloConfig{.r = 2});
  CHECK(link_statistics(model, batch).size() == 1);
  check_throws<ShapeError>([&] { return link_statistics(model, Batch{}); }, "sequence.empty", {});
  model.disable_adapters();
  refused();
}
