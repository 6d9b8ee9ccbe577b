// SPDX-License-Identifier: MIT
#include <solo/adapters/solo/config.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <limits>
#include <map>

using namespace solo;
using namespace solo::test;

namespace {

using Links = std::vector<Link>;

const GPT2Config kBase{.n_embd = 8, .n_layer = 12, .n_head = 2};

SoloConfig parse(const std::string& text) {
  const Json json = parse_json(text, "a/adapter_config.json");
  return SoloConfig::from_json(JsonFields(json, "a/adapter_config.json"));
}

template <class E = ConfigError>
void refused(const SoloConfig& config, std::string_view id, const std::vector<std::string>& parts) {
  check_throws<E>([&] { config.validate(kBase); }, id, parts);
}

}  // namespace

TEST_CASE("Parameter counts are the table of the method's description", "[solo]") {
  const std::array<Index, 5> ranks = {32, 64, 96, 120, 128};
  const std::map<std::string, std::array<Index, 5>> table = {
      {"gpt2", {53957, 103301, 152645, 189653, 201989}},
      {"gpt2-medium", {78219, 144139, 210059, 259499, 275979}},
      {"gpt2-large", {105553, 188049, 270545, 332417, 353041}},
      {"gpt2-xl", {141591, 244759, 347927, 425303, 451095}},
  };
  for (const auto& [size, counts] : table) {
    const GPT2Config base = GPT2Config::from_size(size);
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      CAPTURE(size, ranks[i]);
      CHECK(parameter_count(SoloConfig{.r = ranks[i]}, base) == counts[i]);
    }
  }
  const GPT2Config medium = GPT2Config::from_size("gpt2-medium");
  CHECK(parameter_count(SoloConfig::preset("solo-59"), medium) == 144139);
  CHECK(parameter_count(SoloConfig::preset("solo-40"), medium) == 210059);
  CHECK(parameter_count(SoloConfig::preset("solo-table1"), medium) == 259499);
}

TEST_CASE("Parameter counts of the other maps", "[solo]") {
  const auto count = [](const SoloConfig& c) { return parameter_count(c, kBase); };
  const Index d = 8;
  const Index links = 11;
  CHECK(count({.r = 3, .stride = 1}) == 2 * d * 3 + 3 + d + links * (3 + d + 1));
  CHECK(count({.r = 3, .stride = 1, .factors = SoloFactors::frozen, .init = SoloInit::paper}) ==
        links * (3 + d + 1));
  CHECK(count({.r = 3, .stride = 1, .factors = SoloFactors::down_frozen}) ==
        d * 3 + d + links * (3 + d + 1));
  CHECK(count({.r = 3, .stride = 1, .share = SoloShare::none, .bias = false}) ==
        links * (2 * d * 3 + 3 + d + 1));
  CHECK(count({.stride = 1, .map = SoloMap::full}) == d * d + d + links * (d + 1));
  CHECK(count({.stride = 1, .map = SoloMap::diagonal}) == links * (d + 1));
  CHECK(count({.stride = 1, .map = SoloMap::scalar, .gate_init = 0}) == links);
  CHECK(count({.stride = 1, .map = SoloMap::diagonal, .gate_scope = SoloGateScope::global}) ==
        links * d + 1);
}

TEST_CASE("Links of every pattern", "[solo]") {
  const auto links = [](const SoloConfig& c, Index layers) { return c.link_list(layers); };
  CHECK(links({}, 7) == Links{{2, 4}, {4, 6}});
  CHECK(links({.stride = 1}, 3) == Links{{1, 2}, {2, 3}});
  CHECK(links({.stride = 2, .first = 2}, 5) == Links{{0, 2}, {2, 4}});
  CHECK(links({.stride = 2, .first = 5}, 8) == Links{{3, 5}, {5, 7}});
  CHECK(links({.links = SoloLinks::last}, 4) == Links{{1, 4}, {2, 4}, {3, 4}});
  CHECK(links({.links = SoloLinks::mirror}, 6) == Links{{2, 4}, {1, 5}});
  CHECK(links({.links = SoloLinks::mirror}, 5) == Links{{2, 3}, {1, 4}});
  CHECK(links({.links = SoloLinks::self}, 2) == Links{{1, 1}, {2, 2}});
  CHECK(links({.links = {{4, 6}, {0, 6}, {1, 2}}}, 6) == Links{{1, 2}, {0, 6}, {4, 6}});
  CHECK(SoloConfig{}.lowest_destination(12) == 4);
  CHECK(SoloConfig{.stride = 6}.lowest_destination(24) == 12);
}

TEST_CASE("Links off the model are refused", "[solo]") {
  refused({.links = {{0, 13}}}, "solo.links", {"links", "0 to 13", "n_layer 12"});
  refused({.links = {{0, 0}}}, "solo.links", {"links", "0 to 0"});
  refused({.links = {{3, 2}}}, "solo.links", {"links", "3 to 2"});
  refused({.links = {{-1, 2}}}, "solo.links", {"links", "-1 to 2"});
  refused({.links = {{1, 2}, {0, 3}, {1, 2}}}, "solo.links", {"links", "1 to 2", "twice"});
  refused({.links = SoloLinks(Links{})}, "solo.links", {"no link", "n_layer 12"});
  refused({.stride = 7}, "solo.links", {"no link", "n_layer 12"});
  refused({.stride = 0}, "config.range", {"stride", "0"});
  refused({.stride = std::numeric_limits<Index>::max()}, "config.range", {"stride"});
  refused({.stride = 3, .first = 2}, "config.range", {"first", "2"});
}

TEST_CASE("Values out of their range are refused", "[solo]") {
  const double inf = std::numeric_limits<double>::infinity();
  refused({.r = 0}, "config.range", {"r:", "0"});
  refused({.r = Index{1} << 40}, "config.range", {"r:"});
  refused({.scale = 0.0}, "config.range", {"scale", "0"});
  refused({.scale = 1e-60}, "config.range", {"scale", "1e-60"});
  refused({.scale = 1e39}, "config.range", {"scale", "1e+39"});
  refused({.scale = inf}, "config.range", {"scale", "inf"});
  refused({.gate_init = -1e300}, "config.range", {"gate_init", "-1e+300"});
  refused({.gate_init = std::numeric_limits<double>::quiet_NaN()}, "config.range", {"gate_init"});
  refused({.dropout = 1.0}, "config.range", {"dropout", "1"});
  refused({.dropout = -0.1}, "config.range", {"dropout", "-0.1"});
  refused({.gate_schedule = {SoloScheduleKind::linear, 0}}, "config.range",
          {"gate_schedule.steps", "0"});
  refused({.activation = Activation::relu}, "config.value", {"activation", "gelu_new", "relu"});
}

TEST_CASE("Numbers that are none of an enumeration's values are refused", "[solo]") {
  const auto refused = [](std::string_view field, auto member) {
    for (const int number : {-1, 9, 77}) {
      SoloConfig config{.r = 2};
      using E = std::remove_reference_t<decltype(config.*member)>;
      config.*member = static_cast<E>(number);
      CAPTURE(field, number);
      try {
        config.validate({});
        FAIL_CHECK("accepted");
      } catch (const ConfigError& error) {
        CHECK(error.id() == "config.value");
        CHECK(std::string_view(error.what()).starts_with(field));
      }
      CHECK(to_string(config.*member) == "unknown");
    }
  };
  refused("share", &SoloConfig::share);
  refused("map", &SoloConfig::map);
  refused("factors", &SoloConfig::factors);
  refused("gate", &SoloConfig::gate);
  refused("gate_scope", &SoloConfig::gate_scope);
  refused("init", &SoloConfig::init);
  refused("norm", &SoloConfig::norm);
  refused("source", &SoloConfig::source);
}

TEST_CASE("A start that is not the base is refused", "[solo]") {
  refused({.use_v = false, .init = SoloInit::paper}, "solo.identity", {"init", "paper", "use_v"});
  refused({.map = SoloMap::full, .use_v = false, .gate = SoloGate::none, .init = SoloInit::paper},
          "solo.identity", {"full"});
  refused({.map = SoloMap::diagonal, .use_v = false}, "solo.identity", {"gate_init", "diagonal"});
  refused({.map = SoloMap::scalar}, "solo.identity",
          {"scalar", "gate_init 0", "found gate_init 1"});
  refused({.map = SoloMap::scalar, .gate = SoloGate::clamp, .gate_init = 0}, "solo.identity",
          {"scalar", "clamp"});
  refused({.map = SoloMap::scalar, .gate = SoloGate::none, .gate_init = 0}, "solo.identity",
          {"scalar", "none"});
}

TEST_CASE("A start from which nothing can train is refused", "[solo]") {
  refused({.gate_init = 0}, "solo.dead", {"gate_init", "0"});
  refused({.gate_init = 1e-60}, "solo.dead", {"gate_init"});
  refused({.gate_init = 0, .init = SoloInit::paper}, "solo.dead", {"gate_init", "paper"});
  refused({.gate = SoloGate::clamp, .gate_init = -0.5}, "solo.dead", {"clamp", "-0.5"});
  refused({.gate = SoloGate::sigmoid, .gate_init = -2000}, "solo.dead", {"sigmoid", "-2000"});
  refused({.map = SoloMap::diagonal, .gate_init = 0}, "solo.dead", {"diagonal"});
  refused({.factors = SoloFactors::frozen}, "solo.dead", {"init", "frozen", "identity"});
  refused({.factors = SoloFactors::frozen, .use_v = false, .gate = SoloGate::none}, "solo.dead",
          {"frozen"});
  refused({.use_v = false, .gate = SoloGate::clamp, .gate_init = -1}, "solo.dead", {"clamp", "-1"});
}

TEST_CASE("Starts that only look suspicious are accepted", "[solo]") {
  const auto accepted = [](const SoloConfig& config) { CHECK_NOTHROW(config.validate(kBase)); };
  accepted({.use_v = false, .gate_init = 0, .init = SoloInit::paper});
  accepted({.use_v = false, .gate = SoloGate::clamp, .gate_init = 0, .init = SoloInit::paper});
  CHECK_NOTHROW((SoloConfig{.gate = SoloGate::clamp, .gate_init = 3}.validate(kBase)));
  CHECK_NOTHROW((SoloConfig{.gate = SoloGate::sigmoid, .gate_init = 0}.validate(kBase)));
  CHECK_NOTHROW(
      (SoloConfig{.map = SoloMap::diagonal, .use_v = false, .gate_init = 0}.validate(kBase)));
  // What the map does not use is not looked at.
  CHECK_NOTHROW((SoloConfig{.r = 0, .map = SoloMap::diagonal}.validate(kBase)));
  CHECK_NOTHROW((SoloConfig{.links = SoloLinks::self, .stride = 0}.validate(kBase)));
}

TEST_CASE("Every preset is valid on every size", "[solo]") {
  for (const std::string_view name : SoloConfig::preset_names()) {
    for (const std::string_view size : {"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"}) {
      CAPTURE(name, size);
      CHECK_NOTHROW(SoloConfig::preset(name).validate(GPT2Config::from_size(size)));
    }
  }
  for (const std::string_view name : SoloConfig::preset_names()) {
    CHECK(SoloConfig::preset(name).init == SoloInit::paper);
    CHECK(SoloConfig::preset(name).gate_init == 0.1);
  }
  CHECK(SoloConfig::preset("solo-vera").factors == SoloFactors::frozen);
  CHECK(SoloConfig::preset("solo-lor2c").stride == 1);
  CHECK(SoloConfig::preset("solo-direft").links == SoloLinks::self);
  check_throws<ConfigError>([] { return SoloConfig::preset("solo-1"); }, "config.value",
                            {"preset", "solo-diagonal", "'solo-1'"});
}

TEST_CASE("The oracle's configurations are read, and written byte for byte", "[solo]") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden_dir() / "solo")) {
    const std::filesystem::path file = entry.path() / "adapter_config.json";
    CAPTURE(file.string());
    const std::string text = read_text_file(file);
    const SoloConfig config = parse(text);
    CHECK_NOTHROW(config.validate({.n_embd = 32, .n_layer = 4, .n_head = 4}));
    CHECK(parse(config.to_json("x")) == config);
    if (entry.path().filename() == "sparse-config") {
      CHECK(config == SoloConfig{.r = 4, .stride = 1, .gate_init = 0.1, .init = SoloInit::paper});
    } else {
      CHECK(config.to_json("") == text);
    }
    ++count;
  }
  CHECK(count > 30);
}

TEST_CASE("A configuration survives its JSON", "[solo]") {
  const SoloConfig config{.r = 7,
                          .links = {{0, 4}, {4, 4}},
                          .stride = 3,
                          .first = 5,
                          .share = SoloShare::none,
                          .map = SoloMap::full,
                          .factors = SoloFactors::down_frozen,
                          .taps = 3,
                          .use_e = false,
                          .use_v = false,
                          .bias = false,
                          .gate = SoloGate::sigmoid,
                          .gate_scope = SoloGateScope::global,
                          .gate_init = -0.25,
                          .init = SoloInit::identity,
                          .norm = SoloNorm::rms_norm,
                          .activation = Activation::gelu_new,
                          .source = SoloSource::raw,
                          .scale = 1e-7,
                          .dropout = 0.125,
                          .gate_schedule = {SoloScheduleKind::cosine, 40}};
  const std::string text = config.to_json("models/gpt2-mini");
  CHECK(parse(text) == config);
  CHECK(parse(text).to_json("models/gpt2-mini") == text);
  CHECK(text.find("\"base_model_name_or_path\": \"models/gpt2-mini\"") != std::string::npos);
  CHECK(text.find("\"scale\": 1e-07") != std::string::npos);
  CHECK(parse(R"({"peft_type": "SOLO", "inference_mode": true, "revision": null,
                  "auto_mapping": {}, "peft_version": "0.21", "task_type": null})") ==
        SoloConfig::paper());
}

TEST_CASE("Taps are counted, written where there are any, and few", "[solo]") {
  const SoloConfig plain{.r = 3};
  SoloConfig taps = plain;
  taps.taps = 4;
  const auto links = static_cast<Index>(taps.link_list(kBase.n_layer).size());
  CHECK(parameter_count(taps, kBase) == parameter_count(plain, kBase) + links * 3 * 3);
  CHECK(plain.to_json("").find("taps") == std::string::npos);
  CHECK(taps.to_json("").find("\"taps\": 4") != std::string::npos);
  CHECK(parse(taps.to_json("")) == taps);
  for (const Index bad : {Index{0}, Index{-1}, Index{65}, Index{1} << 62}) {
    taps.taps = bad;
    refused(taps, "config.range", {"taps", std::to_string(bad)});
  }
  taps.map = SoloMap::full;  // which has none
  CHECK(parameter_count(taps, kBase) == parameter_count(SoloConfig{.map = SoloMap::full}, kBase));
}

TEST_CASE("Bad adapter_config.json files are refused", "[solo]") {
  const std::string file = "a/adapter_config.json";
  const auto bad = [&](const std::string& field) {
    return [=] { return parse("{\"peft_type\": \"SOLO\", " + field + "}"); };
  };
  CHECK(bad(R"("later": null, "old": false, "some": {}, "other": [])")() == SoloConfig::paper());
  check_throws<FormatError>(bad(R"("rank": 4)"), "json.unknown_key", {file, "rank"});
  check_throws<ConfigError>(bad(R"("task_type": "SEQ_CLS")"), "adapter.task_type",
                            {file, "'SEQ_CLS'"});
  check_throws<FormatError>(bad(R"("seed": 4)"), "json.unknown_key", {file, "seed"});
  check_throws<FormatError>(bad(R"("r": "4")"), "json.type", {file, "r", "'4'"});
  check_throws<FormatError>(bad(R"("r": 4.0)"), "json.type", {file, "r", "4.0"});
  check_throws<FormatError>(bad(R"("r": null)"), "json.type", {file, "r", "null"});
  check_throws<FormatError>(bad(R"("use_v": 1)"), "json.type", {file, "use_v", "1"});
  check_throws<FormatError>(bad(R"("scale": "1")"), "json.type", {file, "scale"});
  check_throws<FormatError>(bad(R"("first": "x")"), "json.type", {file, "first"});
  check_throws<ConfigError>(bad(R"("gate": "relu")"), "config.value",
                            {file, "gate", "linear, clamp, sigmoid, tanh or none", "'relu'"});
  check_throws<ConfigError>(bad(R"("map": "lowrank")"), "config.value", {file, "map", "'lowrank'"});
  check_throws<ConfigError>(bad(R"("activation": "gelu")"), "config.value",
                            {file, "activation", "identity or gelu_new", "'gelu'"});
  check_throws<ConfigError>(bad(R"("links": "all")"), "config.value",
                            {file, "links", "mirror", "'all'"});
  check_throws<ConfigError>(bad(R"("links": "list")"), "config.value", {file, "links", "'list'"});
  check_throws<FormatError>(bad(R"("links": 3)"), "json.type", {file, "links", "3"});
  check_throws<FormatError>(bad(R"("links": [3, 4])"), "json.type", {file, "links", "3"});
  check_throws<FormatError>(bad(R"("links": [[1, 2, 3]])"), "json.type", {file, "links", "a list"});
  check_throws<FormatError>(bad(R"("links": [[1, 2.0]])"), "json.type", {file, "links", "2.0"});
  check_throws<FormatError>(bad(R"("links": [[-1, 2]])"), "json.type", {file, "links", "-1"});
  check_throws<FormatError>(bad(R"("links": [[1, 4294967298]])"), "json.type",
                            {file, "links", "4294967298"});
  check_throws<FormatError>(bad(R"("gate_schedule": "cosine")"), "json.type",
                            {file, "gate_schedule", "'cosine'"});
  check_throws<ConfigError>(bad(R"("gate_schedule": {"kind": "exp", "steps": 3})"), "config.value",
                            {file, "gate_schedule.kind", "'exp'"});
  check_throws<FormatError>(bad(R"("gate_schedule": {"kind": "none", "steps": 3})"), "json.type",
                            {file, "gate_schedule.kind", "'none'"});
  check_throws<FormatError>(bad(R"("gate_schedule": {"kind": "linear"})"), "json.missing",
                            {file, "gate_schedule.steps"});
  check_throws<FormatError>(bad(R"("gate_schedule": {"kind": "linear", "steps": 3, "x": 1})"),
                            "json.unknown_key", {file, "gate_schedule", "x"});
}

TEST_CASE("The continuation parameter of gate schedules", "[solo]") {
  const SoloGateSchedule linear{SoloScheduleKind::linear, 4};
  const SoloGateSchedule cosine{SoloScheduleKind::cosine, 4};
  CHECK(homotopy({}, 1) == 1.0);
  CHECK(homotopy(linear, 1) == 0.25);
  CHECK(homotopy(linear, 3) == 0.75);
  CHECK(homotopy(linear, 4) == 1.0);
  CHECK(homotopy(linear, 400) == 1.0);
  CHECK(homotopy(cosine, 1) == solo::test::Approx(0.14644660940672624).epsilon(1e-15));
  CHECK(homotopy(cosine, 2) == solo::test::Approx(0.5).epsilon(1e-15));
  CHECK(homotopy(cosine, 9) == 1.0);
}
