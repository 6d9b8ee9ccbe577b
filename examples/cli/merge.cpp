// SPDX-License-Identifier: MIT
// solo merge: an adapter's change into the weights of its base.
#include <solo/adapters/merge.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/io/file.hpp>
#include <solo/io/folder_lock.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/train/result_files.hpp>

#include "kept_files.hpp"
#include "model_arguments.hpp"

#include <memory>

namespace solo::cli {
namespace {

struct MergeArguments {
  ModelArguments model;
  std::filesystem::path output;
  std::string save_dtype = "float32";
};

/// The file as it is there, or none.
void copy_file(const std::filesystem::path& from, AtomicFolder& files) {
  const std::string name = from.filename().string();
  if (std::filesystem::exists(from)) {
    files.write(name, read_text_file(from));
  } else {
    files.remove(name);
  }
}

void run_merge(const MergeArguments& options, const Common& common) {
  require_folder(options.output);
  require_other_folder("merge", options.output, options.model.model);
  require_folder_for(FolderContent::model, options.output);
  require_kept({.path = options.output, .writes = is_result_name},
               {{"--model", options.model.model},
                {"--adapter", options.model.adapter},
                {"--config", common.config}});
  const auto tokenizer = options.model.find_tokenizer();
  auto model = options.model.load<float>(common);
  const float difference = model.merge_adapter(kAdapterName);
  SaveOptions how;
  how.dtype = parse_save_dtype(options.save_dtype);
  how.metadata = options.model.trained_text(model.config().vocab_size).metadata();
  const FolderLock lock(options.output);
  AtomicFolder files(options.output);
  model.save_pretrained(files, how);
  const bool same_ends = model.eos_token_ids() ==
                         EndTokens::from_folder(options.model.model, model.config(), nullptr).stop;
  if (const auto file = options.model.model / "generation_config.json";
      same_ends && std::filesystem::exists(file)) {
    copy_file(file, files);
  }
  copy_file(options.model.adapter / kTrainingArgsFile, files);
  files.remove("trainer_state.json");  // of an older run in this folder
  save_tokenizer(tokenizer, files);
  files.commit();
  if (common.json) {
    print_line({{"max_logit_difference", difference}, {"output", options.output.string()}});
  } else {
    print(concat("merged; logits differ from the adapter's by at most ", difference, "; saved to ",
                 display_name(options.output), '\n'));
  }
}

}  // namespace

Command add_merge(CLI::App& program, Common& common) {
  const auto o = std::make_shared<MergeArguments>();
  CLI::App& app = add_subcommand(program, common, "merge",
                                 "writes an adapter's change into the base's weights");
  add_path(app, "--model", o->model.model, "Hugging Face folder of the base")->required();
  add_path(app, "--adapter", o->model.adapter, "adapter folder: LoRA, BitFit or LN tuning")
      ->required();
  add_path(app, "--output", o->output, "folder for the merged model")->required();
  app.add_option("--save-dtype", o->save_dtype, "how weights are saved")
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}))
      ->capture_default_str();
  return {&app, [o, &common] { run_merge(*o, common); }};
}

}  // namespace solo::cli
