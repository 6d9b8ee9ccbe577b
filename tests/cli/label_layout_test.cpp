// SPDX-License-Identifier: MIT
// Where a picture's names stand.
#include "../../examples/cli/compare/label_layout.hpp"

#include "support/catch.hpp"

using namespace solo::cli;

TEST_CASE("names of points cover neither each other nor points") {
  const PicturePoint size = {200, 100};
  const PicturePoint middle = {100, 50};
  // One point after the other in the same place: each side once, then there is no room.
  const std::vector<PointLabel> same(5, PointLabel{middle, "abcd"});
  CHECK(place_labels(same, {middle}, size) ==
        std::vector<std::optional<LabelSide>>{LabelSide::right, LabelSide::left, LabelSide::above,
                                              LabelSide::below, std::nullopt});
  // A point where the name would stand.
  CHECK(place_labels({{middle, "abcd"}}, {middle, {115, 50}}, size)[0] == LabelSide::left);
  // At the border of the picture, and where a name is too long for either side.
  CHECK(place_labels({{{195, 50}, "abcd"}}, {{195, 50}}, size)[0] == LabelSide::left);
  const std::string wide(30, 'x');
  CHECK(place_labels({{middle, wide}}, {middle}, size)[0] == LabelSide::above);
  CHECK(place_labels({{{100, 99}, wide}}, {{100, 99}}, size)[0] == LabelSide::below);
  CHECK_FALSE(place_labels({{middle, wide + wide}}, {middle}, size)[0]);
}
