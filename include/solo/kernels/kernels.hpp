// SPDX-License-Identifier: MIT
/// @file
/// Everything in kernels/.
#pragma once

#include <solo/kernels/adamw.hpp>
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/isa.hpp>
#include <solo/kernels/operand.hpp>
#include <solo/kernels/packed_matrix.hpp>
#include <solo/kernels/rows.hpp>
#include <solo/kernels/scratch.hpp>
#include <solo/kernels/table.hpp>
