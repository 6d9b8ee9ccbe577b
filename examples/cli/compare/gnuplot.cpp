// SPDX-License-Identifier: MIT
#include "gnuplot.hpp"

#include "../external_program.hpp"

namespace solo::cli {

std::optional<std::string> run_gnuplot(std::string_view script) {
  // -d: not as the user's own settings have it.
  std::optional<ExternalProgram> gnuplot = ExternalProgram::start({"gnuplot", "-d"});
  if (!gnuplot) return {};
  // gnuplot reads a script to its end before much of the output is out, and what is out fits.
  (void)gnuplot->send(script);
  gnuplot->end_input();
  std::string output;
  while (gnuplot->receive(output)) {
  }
  if (!gnuplot->succeeded() || output.empty()) return {};
  return output;
}

std::string gnuplot_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += static_cast<unsigned char>(c) < 0x20U ? ' ' : c;
  }
  return out + "'";
}

}  // namespace solo::cli
