// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/train/run_state.hpp>

#include <nlohmann/json.hpp>

#include <string_view>

namespace solo::inline SOLO_ABI {

namespace detail {

SOLO_INLINE Json to_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

SOLO_INLINE std::optional<double> optional_number(const JsonFields& fields, std::string_view key) {
  if (fields.value(key).is_null()) return std::nullopt;
  return fields.number(key);
}

SOLO_INLINE Json to_json(const TrainSums& sums) {
  return {{"loss", sums.loss},
          {"scored_tokens", sums.scored_tokens},
          {"tokens", sums.tokens},
          {"examples", sums.examples}};
}

SOLO_INLINE TrainSums read_sums(const JsonFields& fields) {
  fields.reject_unknown_keys({"loss", "scored_tokens", "tokens", "examples"});
  return {.loss = fields.number("loss"),
          .scored_tokens = fields.integer("scored_tokens", {.min = 0}),
          .tokens = fields.integer("tokens", {.min = 0}),
          .examples = fields.integer("examples", {.min = 0})};
}

}  // namespace detail

SOLO_INLINE std::string RunState::to_json() const {
  Json out = Json::object();
  out["step"] = step;
  out["learning_rate"] = learning_rate;
  out["grad_norm"] = grad_norm;
  out["all"] = detail::to_json(all);
  out["since_log"] = detail::to_json(since_log);
  out["evaluated"] = evaluated ? Json(*evaluated) : Json(nullptr);
  out["eval_loss"] = detail::to_json(eval_loss);
  out["initial_eval_loss"] = detail::to_json(initial_eval_loss);
  out["best_metric"] = detail::to_json(best_metric);
  out["best_step"] = best_step;
  out["worse_evaluations"] = worse_evaluations;
  out["schedule_steps"] = schedule_steps;
  out["computed_by"] = computed_by;
  return dump_line(out);
}

SOLO_INLINE RunState RunState::from_json(const std::string& text, const std::string& source) {
  const Json json = parse_json(text, source);
  const JsonFields fields(json, source);
  fields.reject_unknown_keys({"step", "learning_rate", "grad_norm", "all", "since_log", "evaluated",
                              "eval_loss", "initial_eval_loss", "best_metric", "best_step",
                              "worse_evaluations", "schedule_steps", "computed_by"});
  RunState state;
  state.step = fields.integer("step", {.min = 1});
  state.learning_rate = fields.number("learning_rate");
  state.grad_norm = fields.number("grad_norm");
  state.all = detail::read_sums(fields.object("all"));
  state.since_log = detail::read_sums(fields.object("since_log"));
  if (!fields.value("evaluated").is_null()) {
    state.evaluated = fields.integer("evaluated", {.min = 0, .max = state.step});
  }
  state.eval_loss = detail::optional_number(fields, "eval_loss");
  state.initial_eval_loss = detail::optional_number(fields, "initial_eval_loss");
  state.best_metric = detail::optional_number(fields, "best_metric");
  state.best_step = fields.integer("best_step", {.min = 0, .max = state.step});
  state.worse_evaluations = fields.integer("worse_evaluations", {.min = 0});
  state.schedule_steps = fields.integer("schedule_steps", {.min = 0});
  state.computed_by = fields.string("computed_by");
  return state;
}

}  // namespace solo::inline SOLO_ABI
