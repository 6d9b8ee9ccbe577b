// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/module_json.hpp>
#include <solo/adapters/solo/config.hpp>
#include <solo/io/json_fields.hpp>

#include <nlohmann/json.hpp>

#include <limits>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// One overload a type of field: value to JSON …
struct SoloFieldWriter {
  Json& json;

  void operator()(std::string_view name, bool value) const { json[std::string(name)] = value; }
  void operator()(std::string_view name, double value) const { json[std::string(name)] = value; }
  void operator()(std::string_view name, Index value) const { json[std::string(name)] = value; }
  void operator()(std::string_view name, const std::optional<Index>& value) const {
    json[std::string(name)] = value ? Json(*value) : Json(nullptr);
  }
  template <NamedEnum E>
  void operator()(std::string_view name, E value) const {
    json[std::string(name)] = std::string(to_string(value));
  }
  void operator()(std::string_view name, const SoloGateSchedule& schedule) const {
    Json& out = json[std::string(name)];
    if (schedule.kind == SoloScheduleKind::none) {
      out = "none";
    } else {
      out = Json{{"kind", std::string(to_string(schedule.kind))}, {"steps", schedule.steps}};
    }
  }
  void operator()(std::string_view name, const SoloLinks& links) const {
    Json& out = json[std::string(name)];
    if (links.pattern() != SoloLinks::list) {
      out = std::string(kSoloLinkNames[links.pattern()]);
      return;
    }
    out = Json::array();
    for (const Link& link : links.links()) out.push_back(Json::array({link.src, link.dst}));
  }
};

/// … and JSON to value.
struct SoloFieldReader {
  const JsonFields& fields;

  template <NamedEnum E>
  [[nodiscard]] E choice(const JsonFields& from, std::string_view name) const {
    return parse_choice<E>(from.where(name), from.string(name));
  }
  template <class Field>
  void operator()(std::string_view name, Field& field) const {
    if (fields.has(name)) read(name, field);
  }

 private:
  void read(std::string_view name, bool& value) const { value = fields.boolean(name); }
  void read(std::string_view name, double& value) const { value = fields.number(name); }
  void read(std::string_view name, Index& value) const {
    value = static_cast<Index>(fields.integer(name));
  }
  void read(std::string_view name, std::optional<Index>& value) const {
    value.reset();
    if (!fields.absent(name)) value = static_cast<Index>(fields.integer(name));
  }
  template <NamedEnum E>
  void read(std::string_view name, E& value) const {
    value = choice<E>(fields, name);
  }
  void read(std::string_view name, SoloGateSchedule& schedule) const {
    const Json& value = fields.value(name);
    if (value.is_string()) {
      schedule.kind = choice<SoloScheduleKind>(fields, name);
      if (schedule.kind == SoloScheduleKind::none) return;
      fields.refuse(name, R"("none" or {"kind": …, "steps": …})");
    }
    const JsonFields object = fields.object(name);
    object.reject_unknown_keys({"kind", "steps"});
    schedule.kind = choice<SoloScheduleKind>(object, "kind");
    if (schedule.kind == SoloScheduleKind::none) object.refuse("kind", "linear or cosine");
    schedule.steps = static_cast<Index>(object.integer("steps"));
  }
  void read(std::string_view name, SoloLinks& links) const {
    const Json& value = fields.value(name);
    if (value.is_string()) {
      links = parse_solo_links(fields.where(name), fields.string(name));
      return;
    }
    constexpr std::string_view kExpected = "a list of pairs of block numbers or a name";
    if (!value.is_array()) fields.refuse(name, kExpected);
    std::vector<Link> list;
    const auto number = [&](const Json& x) {
      const bool good = x.is_number_unsigned() && x.get<std::uint64_t>() <= kLargestBlock;
      if (!good) {
        fail<FormatError>("json.type", fields.where(name), ": expected ", kExpected, ", found ",
                          describe(x), " in it");
      }
      return static_cast<int>(x.get<std::uint64_t>());
    };
    for (const Json& pair : value) {
      if (!pair.is_array() || pair.size() != 2) {
        fail<FormatError>("json.type", fields.where(name), ": expected ", kExpected, ", found ",
                          describe(pair), " in it");
      }
      list.push_back({number(pair[0]), number(pair[1])});
    }
    links = SoloLinks(std::move(list));
  }

  static constexpr std::uint64_t kLargestBlock = std::numeric_limits<int>::max();
};

}  // namespace detail

SOLO_INLINE SoloLinks parse_solo_links(std::string_view field, std::string_view name) {
  for (std::size_t i = 0; i < kSoloLinkNames.size(); ++i) {
    if (kSoloLinkNames[i] == name) return static_cast<SoloLinks::Pattern>(i);
  }
  refuse_choice(field, kSoloLinkNames, name);
}

SOLO_INLINE SoloConfig SoloConfig::from_json(const JsonFields& fields) {
  SoloConfig config = paper();
  std::vector<std::string_view> known;
  detail::append_common_keys(known);
  visit_fields(config, [&known](std::string_view name, const auto&) { known.push_back(name); });
  detail::reject_unknown_settings(fields, known);
  detail::check_common_fields(fields);
  visit_fields(config, detail::SoloFieldReader{fields});
  return config;
}

SOLO_INLINE std::string SoloConfig::to_json(std::string_view base_model) const {
  Json json = Json::object();
  visit_fields(*this, detail::SoloFieldWriter{json});
  if (taps == 1) json.erase("taps");  // the published form, which older versions read
  json["base_model_name_or_path"] =
      base_model.empty() ? Json(nullptr) : Json(std::string(base_model));
  json["peft_type"] = "SOLO";
  json["task_type"] = "CAUSAL_LM";
  return dump_sorted(json);
}

}  // namespace solo::inline SOLO_ABI
