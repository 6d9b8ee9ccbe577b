// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/known_value.hpp>
#include <solo/io/checksum.hpp>
#include <solo/io/file.hpp>
#include <solo/io/finite.hpp>
#include <solo/io/json.hpp>
#include <solo/io/safetensors_header.hpp>
#include <solo/io/safetensors_write.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

namespace solo::inline SOLO_ABI {

namespace detail {

SOLO_INLINE void check_tensor_name(const std::string& where, const std::string& name) {
  bool good = !name.empty() && name != "__metadata__" && name.find('\0') == std::string::npos;
  for (std::size_t pos = 0; good && pos < name.size();) {
    const std::size_t length = utf8_length(name, pos);
    good = length != 0;
    pos += length;
  }
  if (good) return;
  fail<ConfigError>("safetensors.name", where,
                    ": expected a tensor name in UTF-8, not empty and without NUL, found ",
                    quoted(std::string_view(name)));
}

/// Bytes the tensor takes in the file; checks its shape against its data.
[[nodiscard]] SOLO_INLINE std::uint64_t checked_bytes(const std::string& where,
                                                      const TensorRef& tensor, DType dtype) {
  const std::string what = where + ": tensor " + quoted(std::string_view(tensor.name));
  if (tensor.shape.size() > kMaxSafetensorsRank) {
    fail<ConfigError>("safetensors.rank", what, ": expected at most ", kMaxSafetensorsRank,
                      " dimensions, found ", tensor.shape.size());
  }
  const std::size_t found =
      std::visit([](const auto& values) { return values.size(); }, tensor.data);
  const auto& shape = tensor.shape;
  bool good = std::all_of(shape.begin(), shape.end(), [](Index dim) { return dim >= 0; });
  std::uint64_t count = std::find(shape.begin(), shape.end(), 0) == shape.end() ? 1 : 0;
  for (const Index dim : shape) {
    const auto d = static_cast<std::uint64_t>(dim);
    // A product beyond the number of values there are is wrong anyway, so none overflows.
    good = good && (count == 0 || d <= found / count);
    if (good) count *= d;
  }
  if (!good || count != found) {
    fail<ShapeError>("safetensors.buffer", what, ": expected the elements of shape ",
                     shape_text(tensor.shape), ", found ", found);
  }
  return count * size_of(dtype);
}

template <class Out, class In>
void write_values(AtomicFile& file, std::span<const In> values, const std::string& what) {
  constexpr std::size_t kCount = (std::size_t{1} << 18U) / sizeof(Out);
  constexpr bool kDirect = std::is_same_v<Out, In>;
  std::vector<Out> buffer;
  if constexpr (!kDirect) buffer.resize(std::min(kCount, values.size()));
  for (std::size_t done = 0; done < values.size(); done += kCount) {
    const auto piece = values.subspan(done, std::min(kCount, values.size() - done));
    std::span<const Out> out;
    if constexpr (kDirect) {
      out = piece;
    } else {
      convert_values(piece, std::span(buffer).first(piece.size()));
      out = std::span<const Out>(buffer).first(piece.size());
    }
    if (!all_finite(out)) {
      std::size_t i = 0;
      while (is_finite(to_double(out[i]))) ++i;
      const double found = to_double(piece[i]);
      fail<NumericError>(is_finite(found) ? "numeric.overflow" : "numeric.nonfinite", what,
                         ": expected finite values that fit ", to_string(kDTypeOf<Out>), ", found ",
                         found, " at element ", done + i);
    }
    file.write(std::as_bytes(out));
  }
}

SOLO_INLINE void write_tensor(AtomicFile& file, const TensorRef& tensor, DType dtype,
                              const std::string& where) {
  const std::string what = where + ": tensor " + quoted(std::string_view(tensor.name));
  std::visit(
      [&]<class In>(std::span<const In> values) {
        switch (dtype) {
          case DType::float32:
            return write_values<float>(file, values, what);
          case DType::float64:
            return write_values<double>(file, values, what);
          case DType::float16:
            return write_values<float16>(file, values, what);
          case DType::bfloat16:
            return write_values<bfloat16>(file, values, what);
        }
      },
      tensor.data);
}

SOLO_INLINE std::string safetensors_beginning(const Json& header) {
  std::string text = dump_line(header);
  text.resize((text.size() + kSafetensorsLength - 1) / kSafetensorsLength * kSafetensorsLength,
              ' ');
  std::string length(kSafetensorsLength, '\0');
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFFU);
  }
  return length + text;
}

}  // namespace detail

SOLO_INLINE void write_safetensors(const std::filesystem::path& path,
                                   std::span<const TensorRef> tensors,
                                   const SafetensorsWriteOptions& options) {
  AtomicFile file(path);
  write_safetensors(file, tensors, options);
  file.commit();
}

SOLO_INLINE void write_safetensors(AtomicFile& file, std::span<const TensorRef> tensors,
                                   const SafetensorsWriteOptions& options) {
  const std::string where = display_name(file.target());
  detail::require_known("dtype", options.dtype, DType::bfloat16);
  const auto dtype_of = [&](const TensorRef& tensor) {
    return tensor.dtype.value_or(options.dtype);
  };
  std::vector<const TensorRef*> sorted;
  for (const TensorRef& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [&](const TensorRef* a, const TensorRef* b) {
    const std::size_t a_size = size_of(dtype_of(*a));
    const std::size_t b_size = size_of(dtype_of(*b));
    return a_size != b_size ? a_size > b_size : a->name < b->name;
  });

  Json header = Json::object();
  auto& fields = static_cast<Json::object_t::Container&>(header.get_ref<Json::object_t&>());
  std::map<std::string, std::string> metadata = options.metadata;
  if (!options.checksum_key.empty()) metadata[options.checksum_key] = std::string(16, '0');
  if (!metadata.empty()) fields.emplace_back("__metadata__", metadata);
  std::uint64_t end = 0;
  const std::string* previous = nullptr;
  for (const TensorRef* tensor : sorted) {
    detail::check_tensor_name(where, tensor->name);
    if (previous != nullptr && *previous == tensor->name) {
      fail<ConfigError>("safetensors.name", where, ": two tensors are named ",
                        quoted(std::string_view(tensor->name)));
    }
    previous = &tensor->name;
    const std::uint64_t begin = end;
    end += detail::checked_bytes(where, *tensor, dtype_of(*tensor));
    Json entry;
    entry["dtype"] = safetensors_name(dtype_of(*tensor));
    entry["shape"] = tensor->shape;
    entry["data_offsets"] = {begin, end};
    fields.emplace_back(tensor->name, std::move(entry));
  }
  std::string beginning = detail::safetensors_beginning(header);
  const std::size_t header_size = beginning.size() - detail::kSafetensorsLength;
  if (header_size > detail::kMaxSafetensorsHeader ||
      sorted.size() > detail::kMaxSafetensorsTensors) {
    fail<ConfigError>("safetensors.header_size", where, ": ", sorted.size(),
                      " tensors with a header of ", header_size, " bytes are too many");
  }
  if (!options.checksum_key.empty()) {
    const std::size_t at = detail::header_checksum_at(beginning, options.checksum_key);
    beginning.replace(at, 16, detail::header_checksum(beginning, at));
  }

  file.write(beginning);
  for (const TensorRef* tensor : sorted) {
    detail::write_tensor(file, *tensor, dtype_of(*tensor), where);
  }
}

}  // namespace solo::inline SOLO_ABI
