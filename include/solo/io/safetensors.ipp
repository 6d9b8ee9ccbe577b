// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/checksum.hpp>
#include <solo/io/finite.hpp>
#include <solo/io/safetensors.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <type_traits>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Bytes read between two looks at them: they stay in the second-level cache.
inline constexpr std::size_t kTensorPiece = std::size_t{1} << 18U;

/// Names the first value that is NaN or infinite. `first` is the index of values[0].
template <class Raw>
[[noreturn]] void refuse_nonfinite(const std::string& what, std::span<const Raw> values,
                                   std::size_t first) {
  std::size_t i = 0;
  while (i < values.size() && is_finite(to_double(values[i]))) ++i;
  const double found = i < values.size() ? to_double(values[i]) : 0.0;
  fail<NumericError>("numeric.nonfinite", what, ": expected finite values, found ", found,
                     " at element ", first + i);
}

}  // namespace detail

SOLO_INLINE SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path), header_(detail::read_safetensors_header(file_)) {
  by_name_.resize(header_.tensors.size());
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  std::sort(by_name_.begin(), by_name_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return header_.tensors[a].name < header_.tensors[b].name;
  });
}

SOLO_INLINE SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  return SafetensorsFile(path);
}

SOLO_INLINE const TensorInfo* SafetensorsFile::find(std::string_view name) const noexcept {
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                   [this](std::uint32_t i, std::string_view wanted) {
                                     return std::string_view(header_.tensors[i].name) < wanted;
                                   });
  if (at == by_name_.end() || header_.tensors[*at].name != name) return nullptr;
  return &header_.tensors[*at];
}

SOLO_INLINE const TensorInfo& SafetensorsFile::at(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (info == nullptr) {
    fail<FormatError>("safetensors.missing", this->name(), ": expected tensor ", quoted(name),
                      ", found none");
  }
  return *info;
}

SOLO_INLINE void SafetensorsFile::check_header(const std::string& key) const {
  std::string beginning(static_cast<std::size_t>(header_.data_begin), '\0');
  file_.read_at(0, std::as_writable_bytes(std::span(beginning)));
  const auto stored = metadata().find(key);
  const std::size_t at = detail::header_checksum_at(beginning, key);
  if (stored == metadata().end() || stored->second.size() != 16 || at == std::string::npos) {
    fail<FormatError>("safetensors.checksum", name(), ": expected a checksum of the header as ",
                      quoted(key), ", found none");
  }
  const std::string found = detail::header_checksum(beginning, at);
  if (stored->second != found) {
    fail<FormatError>("safetensors.checksum", name(), ": the header is damaged: expected checksum ",
                      quoted(stored->second), ", found ", quoted(found));
  }
}

template <class Raw, class Out>
void SafetensorsFile::read_converted(const TensorInfo& info, Index first,
                                     std::span<Out> out) const {
  constexpr std::size_t kCount = detail::kTensorPiece / sizeof(Raw);
  constexpr bool kDirect = std::is_same_v<Raw, Out>;
  const auto what = [&] { return name() + ": tensor " + quoted(info.name); };
  std::unique_ptr<Raw[]> buffer;
  if constexpr (!kDirect) buffer.reset(new Raw[std::min(kCount, out.size())]);
  const auto begin = static_cast<std::size_t>(first);
  std::uint64_t offset = header_.data_begin + info.begin + begin * sizeof(Raw);
  for (std::size_t done = 0; done < out.size();) {
    const std::span<Out> target = out.subspan(done, std::min(kCount, out.size() - done));
    std::span<Raw> raw;
    if constexpr (kDirect) {
      raw = target;
    } else {
      raw = {buffer.get(), target.size()};
    }
    file_.read_at(offset, std::as_writable_bytes(raw));
    if (!detail::all_finite(std::span<const Raw>(raw))) {
      detail::refuse_nonfinite(what(), std::span<const Raw>(raw), begin + done);
    }
    if constexpr (!kDirect) {
      detail::convert_values(std::span<const Raw>(raw), target);
      if (!detail::all_finite(std::span<const Out>(target))) {
        std::size_t i = 0;
        while (is_finite(detail::to_double(target[i]))) ++i;
        fail<NumericError>("numeric.overflow", what(), ": expected values that fit ",
                           to_string(detail::kDTypeOf<Out>), ", found ", detail::to_double(raw[i]),
                           " at element ", begin + done + i);
      }
    }
    offset += raw.size_bytes();
    done += raw.size();
  }
}

template <Scalar T>
void SafetensorsFile::read(const TensorInfo& info, std::span<T> out) const {
  if (static_cast<std::uint64_t>(info.size()) != out.size()) {
    fail<ShapeError>("safetensors.buffer", name(), ": tensor ", quoted(info.name), ": expected ",
                     info.size(), " elements to read, found room for ", out.size());
  }
  read_part(info, 0, out);
}

template <Scalar T>
void SafetensorsFile::read_part(const TensorInfo& info, Index first, std::span<T> out) const {
  const auto count = static_cast<Index>(out.size());
  if (first < 0 || count > info.size() || first > info.size() - count) {
    fail<ShapeError>("safetensors.buffer", name(), ": tensor ", quoted(info.name), ": expected a ",
                     "part of ", info.size(), " elements, found ", count, " from ", first, " on");
  }
  const std::optional<DType> dtype = weight_dtype(info.dtype);
  if (!dtype) {
    fail<FormatError>("safetensors.not_weights", name(), ": tensor ", quoted(info.name),
                      ": expected dtype F16, BF16, F32 or F64, found ", info.dtype);
  }
  switch (*dtype) {
    case DType::float32:
      return read_converted<float>(info, first, out);
    case DType::float64:
      return read_converted<double>(info, first, out);
    case DType::float16:
      return read_converted<float16>(info, first, out);
    case DType::bfloat16:
      return read_converted<bfloat16>(info, first, out);
  }
}

SOLO_INLINE void SafetensorsFile::check_finite(const TensorInfo& info) const {
  const std::optional<DType> dtype = weight_dtype(info.dtype);
  if (!dtype) return;
  const std::uint64_t bytes = info.end - info.begin;
  std::vector<std::byte> buffer(
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes, detail::kTensorPiece)));
  for (std::uint64_t done = 0; done < bytes; done += buffer.size()) {
    buffer.resize(
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes - done, detail::kTensorPiece)));
    file_.read_at(header_.data_begin + info.begin + done, buffer);
    if (detail::all_finite(buffer, *dtype)) continue;
    const auto refuse = [&]<class Raw>(Raw /*type*/) {
      std::vector<Raw> values(buffer.size() / sizeof(Raw));
      std::memcpy(values.data(), buffer.data(), buffer.size());
      detail::refuse_nonfinite(name() + ": tensor " + quoted(info.name),
                               std::span<const Raw>(values),
                               static_cast<std::size_t>(done) / sizeof(Raw));
    };
    if (*dtype == DType::float32) refuse(float{});
    if (*dtype == DType::float64) refuse(double{});
    if (*dtype == DType::float16) refuse(float16{});
    refuse(bfloat16{});
  }
}

#if !SOLO_HEADER_ONLY
template void SafetensorsFile::read<float>(const TensorInfo&, std::span<float>) const;
template void SafetensorsFile::read<double>(const TensorInfo&, std::span<double>) const;
template void SafetensorsFile::read_part<float>(const TensorInfo&, Index, std::span<float>) const;
template void SafetensorsFile::read_part<double>(const TensorInfo&, Index, std::span<double>) const;
#endif

}  // namespace solo::inline SOLO_ABI
