// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/adapter_file.hpp>
#include <solo/adapters/adapter_folder.hpp>
#include <solo/adapters/registry.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors_write.hpp>

#include <nlohmann/json.hpp>

#include <vector>

namespace solo::inline SOLO_ABI {

SOLO_INLINE std::string read_peft_type(const std::filesystem::path& folder) {
  return detail::AdapterFolder(folder).peft_type();
}

SOLO_INLINE Index adapter_vocab_size(const std::filesystem::path& folder, const GPT2Config& base) {
  detail::AdapterFolder opened(folder);
  if (opened.peft_type() != "LORA") return base.vocab_size;
  const LoraConfig config = LoraConfig::from_json(opened.config());
  return config.vocab_size(opened.tensor_shapes(LoraConfig::kFilePrefix), base);
}

SOLO_INLINE std::vector<std::string> adapter_tensor_names(const std::filesystem::path& folder,
                                                          std::string_view prefix) {
  return detail::AdapterFolder(folder).tensor_names(prefix);
}

template <Scalar T>
std::unique_ptr<Adapter<T>> read_adapter(const std::filesystem::path& folder,
                                         const GPT2<T>& model) {
  detail::AdapterFolder opened(folder);
  std::string known;
  for (const detail::AdapterKind<T>& kind : detail::kAdapterKinds<T>) {
    if (kind.peft_type == opened.peft_type()) return kind.read(opened, model);
    known += concat(known.empty() ? "" : ", ", kind.peft_type);
  }
  fail<ConfigError>("adapter.kind", opened.config().where("peft_type"), ": expected one of ", known,
                    ", found ", quoted(opened.peft_type()));
}

template <Scalar T>
void read_adapter_tensors(const std::filesystem::path& folder, Adapter<T>& adapter) {
  detail::AdapterFolder opened(folder);
  if (opened.peft_type() != adapter.peft_type()) {
    fail<ConfigError>("adapter.kind", opened.config().where("peft_type"), ": expected ",
                      quoted(adapter.peft_type()), ", found ", quoted(opened.peft_type()));
  }
  if (opened.peft_type() == "LORA" &&
      LoraConfig::from_json(opened.config()).start != LoraStart::plain) {
    fail<ConfigError>(
        "lora.start", opened.config().where("init_lora_weights"),
        ": these tensors mean something on a changed base only; read the folder with ",
        "load_adapter");
  }
  detail::ExpectedTensors expected{.prefix = adapter.file_prefix()};
  expected.ignores = [&adapter](std::string_view name) { return adapter.ignores(name); };
  // As the file has them, which may differ from the parameters (parts of LoRA's c_attn).
  for (const FileTensor<T>& t : adapter.export_tensors(FileContent::values)) {
    expected.tensors.push_back({t.name, t.value.shape()});
  }
  std::string (*rewritten)(const JsonFields&) = [](const JsonFields& fields) {
    return dump_line(fields.json());
  };
  for (const detail::AdapterKind<T>& kind : detail::kAdapterKinds<T>) {
    if (kind.peft_type == opened.peft_type()) rewritten = kind.rewritten;
  }
  opened.require_own_config(rewritten);
  opened.open_tensors(expected, "this adapter");
  adapter.import_tensors(opened.read<T>(expected));
  adapter.import_metadata(opened.metadata());
}

template <Scalar T>
void write_adapter(AtomicFolder& files, Adapter<T>& adapter, std::string_view base_model,
                   const std::map<std::string, std::string>& metadata) {
  const std::vector<FileTensor<T>> tensors = adapter.export_tensors(FileContent::values);
  std::vector<TensorRef> refs;
  for (const FileTensor<T>& t : tensors) {
    refs.push_back({adapter.file_prefix() + t.name, t.value.shape(), t.value.span()});
  }
  SafetensorsWriteOptions options;
  options.metadata.insert(metadata.begin(), metadata.end());
  options.metadata.merge(adapter.metadata());
  options.metadata[detail::kSavedConfigKey] =
      dump_line(detail::config_meaning(parse_json(adapter.config_json(""), "adapter_config.json")));
  files.write(kAdapterConfigFile, adapter.config_json(base_model));
  write_safetensors(files.add_essential(kAdapterTensorFile), refs, options);
}

SOLO_INLINE std::map<std::string, std::string> read_adapter_metadata(
    const std::filesystem::path& folder) {
  return SafetensorsFile::open(folder / kAdapterTensorFile).metadata();
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                          \
  template std::unique_ptr<Adapter<T>> read_adapter<T>(const std::filesystem::path&, \
                                                       const GPT2<T>&);              \
  template void read_adapter_tensors<T>(const std::filesystem::path&, Adapter<T>&);  \
  template void write_adapter<T>(AtomicFolder&, Adapter<T>&, std::string_view,       \
                                 const std::map<std::string, std::string>&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
