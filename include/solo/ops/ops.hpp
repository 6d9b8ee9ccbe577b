// SPDX-License-Identifier: MIT
/// @file
/// Everything in ops/.
#pragma once

#include <solo/ops/attention.hpp>
#include <solo/ops/cached_attention.hpp>
#include <solo/ops/cross_entropy.hpp>
#include <solo/ops/elementwise.hpp>
#include <solo/ops/embedding.hpp>
#include <solo/ops/linear.hpp>
#include <solo/ops/norm.hpp>
