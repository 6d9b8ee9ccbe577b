// SPDX-License-Identifier: MIT
// solo inspect: the tensors of a safetensors file, a model or an adapter, from the headers alone.
#include <solo/adapters/adapter_file.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/tensor_store.hpp>

#include "program.hpp"

#include <memory>

namespace solo::cli {
namespace {

struct Listing {
  Json tensors = Json::array();
  Json metadata = Json::object();

  void add(const TensorInfo& t) {
    tensors.push_back({{"name", t.name}, {"dtype", t.dtype}, {"shape", t.shape}});
  }
  void add(const SafetensorsFile& file) {
    for (const auto& [key, value] : file.metadata()) metadata[key] = value;
  }
};

Listing list(const std::filesystem::path& path) {
  Listing listing;
  const auto add_file = [&listing](const std::filesystem::path& name) {
    const auto file = SafetensorsFile::open(name);
    for (const TensorInfo& t : file.tensors()) listing.add(t);
    listing.add(file);
  };
  if (!std::filesystem::is_directory(path)) {
    add_file(path);
    return listing;
  }
  // A folder may hold both, a model and an adapter.
  const bool adapter = std::filesystem::is_regular_file(path / kAdapterTensorFile);
  if (!adapter || std::filesystem::exists(path / "config.json")) {
    const TensorStore store = TensorStore::open(path);
    for (const TensorStore::Entry& entry : store.entries()) listing.add(*entry.info);
    for (const SafetensorsFile& file : store.files()) listing.add(file);
  }
  if (adapter) add_file(path / kAdapterTensorFile);
  return listing;
}

void run_inspect(const std::filesystem::path& path, const Common& common) {
  const Listing listing = list(path);
  if (common.json) {
    print_line({{"tensors", listing.tensors}, {"metadata", listing.metadata}});
    return;
  }
  for (const Json& t : listing.tensors) {
    print(concat(printable(t.at("name").get<std::string>(), 500), "  ",
                 t.at("dtype").get<std::string>(), "  ", dump_line(t.at("shape")), '\n'));
  }
  print(concat(listing.tensors.size(), " tensors, metadata ", dump_line(listing.metadata), '\n'));
}

}  // namespace

Command add_inspect(CLI::App& program, Common& common) {
  const auto path = std::make_shared<std::filesystem::path>();
  CLI::App& app = add_subcommand(program, common, "inspect",
                                 "checks a safetensors file or folder and lists its tensors");
  add_path(app, "path", *path, "a .safetensors file, a model folder or an adapter folder")
      ->required();
  return {&app, [path, &common] { run_inspect(*path, common); }};
}

}  // namespace solo::cli
