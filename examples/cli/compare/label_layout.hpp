// SPDX-License-Identifier: MIT
/// @file
/// Names beside the points of a picture, none over another name or another point.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace solo::cli {

/// A place in a picture, in pixels; y grows upwards.
struct PicturePoint {
  double x = 0.0;
  double y = 0.0;
};

enum class LabelSide { right, left, above, below };

/// A name for a point.
struct PointLabel {
  PicturePoint at;
  std::string text;  ///< its width is taken as 6 pixels a byte, its height as 12
};

/// What a label or a point covers.
struct LabelBox {
  double left, right, bottom, top;

  [[nodiscard]] bool overlaps(const LabelBox& other) const {
    return left < other.right && other.left < right && bottom < other.top && other.bottom < top;
  }
};

[[nodiscard]] inline LabelBox box_of(const PointLabel& label, LabelSide side) {
  constexpr double kByteWidth = 6.0;
  constexpr double kHeight = 12.0;
  constexpr double kGap = 6.0;  // from the point to its label
  const double width = kByteWidth * static_cast<double>(label.text.size());
  PicturePoint centre = label.at;
  if (side == LabelSide::right) centre.x += kGap + width / 2;
  if (side == LabelSide::left) centre.x -= kGap + width / 2;
  if (side == LabelSide::above) centre.y += kGap + kHeight / 2;
  if (side == LabelSide::below) centre.y -= kGap + kHeight / 2;
  return {centre.x - width / 2, centre.x + width / 2, centre.y - kHeight / 2,
          centre.y + kHeight / 2};
}

/// For each label, in order: the first of right, left, above and below where it is inside of
/// `size` and covers none of `points` and no label placed before; none when there is no such side.
[[nodiscard]] inline std::vector<std::optional<LabelSide>> place_labels(
    const std::vector<PointLabel>& labels, const std::vector<PicturePoint>& points,
    PicturePoint size) {
  constexpr double kRadius = 4.0;  // of a point
  std::vector<LabelBox> taken;
  taken.reserve(points.size() + labels.size());
  for (const PicturePoint& p : points) {
    taken.push_back({p.x - kRadius, p.x + kRadius, p.y - kRadius, p.y + kRadius});
  }
  std::vector<std::optional<LabelSide>> sides;
  for (const PointLabel& label : labels) {
    std::optional<LabelSide> found;
    for (const LabelSide side :
         {LabelSide::right, LabelSide::left, LabelSide::above, LabelSide::below}) {
      const LabelBox box = box_of(label, side);
      const bool inside =
          box.left >= 0 && box.bottom >= 0 && box.right <= size.x && box.top <= size.y;
      const auto covers = [&](const LabelBox& other) { return box.overlaps(other); };
      if (!inside || std::any_of(taken.begin(), taken.end(), covers)) continue;
      found = side;
      taken.push_back(box);
      break;
    }
    sides.push_back(found);
  }
  return sides;
}

}  // namespace solo::cli
