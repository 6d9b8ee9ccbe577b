// SPDX-License-Identifier: MIT
// solo compare: several methods × seeds on one task, and a report.
#include <solo/io/file.hpp>
#include <solo/io/folder_lock.hpp>
#include <solo/train/result_files.hpp>

#include "../kept_files.hpp"
#include "../number_option.hpp"
#include "../stop_signals.hpp"
#include "comparison.hpp"
#include "report.hpp"
#include "table.hpp"

#include <algorithm>
#include <csignal>
#include <memory>

namespace solo::cli {
namespace {

struct CompareArguments {
  std::filesystem::path plan;
  std::string recipe;
  std::filesystem::path model;
  std::filesystem::path train;
  std::filesystem::path valid;
  std::filesystem::path test;
  std::filesystem::path output;
  std::filesystem::path report;
  std::string methods;
  std::string seeds;
  bool rerun = false;
  MeteorArguments meteor;
};

bool is_comparison_file(std::string_view name) {
  return name == "results.json" || name == "table.md" || name == "report.html";
}

/// Only the named methods, in the plan's order.
void select_methods(ComparePlan& plan, const std::string& names) {
  std::vector<std::string> wanted = split_list("--methods", names);
  std::erase_if(plan.methods, [&](const PlannedMethod& method) {
    const auto found = std::find(wanted.begin(), wanted.end(), method.name);
    if (found == wanted.end()) return true;
    wanted.erase(found);
    return false;
  });
  if (!wanted.empty()) {
    throw UsageError(concat("--methods: the plan has no method ", quoted(wanted.front())));
  }
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  for (const std::string& item : split_list("--seeds", text)) {
    seeds.push_back(parse_whole<std::uint64_t>("--seeds", item));
  }
  return seeds;
}

/// What others are compared with, if the plan does not say: LoRA if it has it, or the first.
void choose_reference(ComparePlan& plan) {
  const auto named = [&plan](const PlannedMethod& m) { return m.name == plan.reference; };
  if (std::any_of(plan.methods.begin(), plan.methods.end(), named)) return;
  const auto lora = std::find_if(plan.methods.begin(), plan.methods.end(),
                                 [](const PlannedMethod& m) { return m.kind() == "lora"; });
  plan.reference = lora == plan.methods.end() ? plan.methods.front().name : lora->name;
}

ComparePlan plan_of(const CompareArguments& arguments) {
  if (arguments.plan.empty() == arguments.recipe.empty()) {
    throw UsageError("compare: give one of --plan, --recipe and --report");
  }
  if (arguments.output.empty()) throw UsageError("compare: --output is required");
  ComparePlan plan =
      arguments.recipe.empty() ? read_plan(arguments.plan) : recipe_plan(arguments.recipe);
  if (!arguments.model.empty()) plan.model = arguments.model;
  if (!arguments.train.empty()) plan.train = arguments.train;
  if (!arguments.test.empty()) plan.test = arguments.test;
  if (!arguments.valid.empty()) {
    plan.valid = arguments.valid;
    plan.holdout_contexts = 0;
  }
  if (!arguments.seeds.empty()) plan.seeds = parse_seeds(arguments.seeds);
  plan.validate();
  if (!arguments.methods.empty()) select_methods(plan, arguments.methods);
  choose_reference(plan);
  return plan;
}

/// The metric that chooses can be computed: its program is there before anything is trained.
void require_metric(const ComparePlan& plan, const MeteorProgram& meteor) {
  if (metric_number(plan.choose_by) == kMeteorMetric && !meteor.start()) {
    fail<ConfigError>("compare.plan", "choose_by: METEOR is computed with --meteor-jar only");
  }
}

/// The files that are read are not those that are written.
void require_kept_inputs(const ComparePlan& plan, const CompareArguments& arguments,
                         const Common& common) {
  const ReadPaths read = {{"--plan", arguments.plan},
                          {"--config", common.config},
                          {"--train", plan.train},
                          {"--valid", plan.valid},
                          {"--test", plan.test}};
  require_kept({.path = arguments.output, .writes = is_comparison_file}, read);
  require_kept({.path = arguments.output / "task",
                .writes = [&plan](std::string_view name) { return is_task_file(plan, name); }},
               read);
}

void print_results(const CompareResults& results, const std::filesystem::path& output,
                   const Common& common) {
  if (!common.json) {
    print(comparison_table(results));
    return;
  }
  Index done = 0;
  Index diverged = 0;
  Index missing = 0;
  for (const CompareMethod& method : results.methods) {
    for (const CompareRun& run : method.runs) {
      ++(run.status == RunStatus::done       ? done
         : run.status == RunStatus::diverged ? diverged
                                             : missing);
    }
  }
  print_line({{"output", output.string()},
              {"results", (output / "results.json").string()},
              {"runs", done},
              {"diverged", diverged},
              {"missing", missing}});
}

void run_compare(const CompareArguments& arguments, const Common& common) {
  if (!arguments.report.empty()) {
    if (!arguments.plan.empty() || !arguments.recipe.empty() || !arguments.output.empty()) {
      throw UsageError("compare: --report goes without --plan, --recipe and --output");
    }
    remake_report(arguments.report);
    print_results(read_compare_results(arguments.report / "results.json"), arguments.report,
                  common);
    return;
  }
  const ComparePlan plan = plan_of(arguments);
  require_folder(arguments.output);
  require_kept_inputs(plan, arguments, common);
  std::signal(SIGPIPE, SIG_IGN);  // nobody reading the progress lines ends no comparison
  const MeteorProgram meteor = arguments.meteor.program();
  require_metric(plan, meteor);
  const FolderLock lock(arguments.output);
  if (!lock.held()) {
    warn(concat(display_name(arguments.output),
                ": its file system has no locks: another comparison there would not be noticed"));
  }
  require_replaceable(arguments.output, is_comparison_file);
  const TaskFiles task = make_task(plan, arguments.output / "task");
  Comparison comparison({.plan = plan,
                         .task = task,
                         .threads = common.threads,
                         .quiet = common.quiet,
                         .rerun = arguments.rerun,
                         .meteor = meteor},
                        arguments.output);
  const auto report = [&] {
    CompareResults results = comparison.results();
    write_comparison(arguments.output, results);
    return results;
  };
  try {
    comparison.run();
  } catch (const Stopped&) {
    report();
    std::cerr << concat("stopped; to go on: ", shell_words(common.command), '\n');
    throw;
  }
  print_results(report(), arguments.output, common);
}

}  // namespace

Command add_compare(CLI::App& program, Common& common) {
  const auto o = std::make_shared<CompareArguments>();
  CLI::App& app = add_subcommand(program, common, "compare",
                                 "compares methods, several seeds each, on one task");
  add_path(app, "--plan", o->plan, "JSON file: task, options, methods and seeds");
  app.add_option("--recipe", o->recipe, "instead of a plan: the experiment of LoRA's paper")
      ->check(CLI::IsMember({"lora-e2e"}));
  add_path(app, "--output", o->output,
           "folder of all runs, results.json, table.md and report.html; finished runs in it are "
           "kept, stopped ones go on");
  add_path(app, "--report", o->report, "only make table and report of this folder anew");
  add_path(app, "--model", o->model, "base model, instead of the plan's");
  add_path(app, "--train", o->train, "training data, instead of the plan's");
  add_path(app, "--valid", o->valid, "validation data, instead of the plan's");
  add_path(app, "--test", o->test, "meanings and references, instead of the plan's");
  app.add_option("--methods", o->methods, "only these methods of the plan")->type_name("LIST");
  app.add_option("--seeds", o->seeds, "instead of the plan's")->type_name("LIST");
  app.add_flag("--rerun", o->rerun, "replace runs that were made with other options or data");
  o->meteor.add_to(app);
  return {&app, [o, &common] { run_compare(*o, common); }};
}

}  // namespace solo::cli
