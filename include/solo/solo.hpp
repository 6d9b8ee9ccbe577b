// SPDX-License-Identifier: MIT
/// @file
/// The whole library. Convenient, and slow to compile; every other header works alone too.
/// @namespace solo
/// The library. solo::detail is not for users.
#pragma once

#include <solo/adapters/adapters.hpp>
#include <solo/autograd/autograd.hpp>
#include <solo/core/core.hpp>
#include <solo/data/data.hpp>
#include <solo/generate/generate.hpp>
#include <solo/io/io.hpp>
#include <solo/kernels/kernels.hpp>
#include <solo/metrics/metrics.hpp>
#include <solo/nn/nn.hpp>
#include <solo/ops/ops.hpp>
#include <solo/optim/optim.hpp>
#include <solo/text/text.hpp>
#include <solo/train/train.hpp>
