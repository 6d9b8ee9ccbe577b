// SPDX-License-Identifier: MIT
/// @file
/// Everything of autograd/.
#pragma once

#include <solo/autograd/embedding.hpp>
#include <solo/autograd/function_support.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/autograd/gradcheck.hpp>
#include <solo/autograd/lm_loss.hpp>
#include <solo/autograd/parameter.hpp>
#include <solo/autograd/table_rows.hpp>
#include <solo/autograd/tape.hpp>
