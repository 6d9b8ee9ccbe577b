# SPDX-License-Identifier: MIT
# The pictures of growth.py: time a token and peak memory of a LoRA step. `data` and `images` are folders.
set encoding utf8
set terminal svg size 880,340 font "sans-serif,12" background "white"
set border 3 linecolor "#666666"
set tics nomirror
set grid ytics linecolor "#dddddd"
set key reverse Left samplen 2
set yrange [0:*]
set style line 1 linecolor "#0b6e4f" linewidth 2 pointtype 7 pointsize 0.7
set style line 2 linecolor "#3ba3d0" linewidth 2 pointtype 5 pointsize 0.7
set style line 3 linecolor "#c4512d" linewidth 2 pointtype 9 pointsize 0.8

runs = "solo-float32 solo-bfloat16 torch-float32"
file(series, run) = sprintf("%s/%s-%s.dat", data, series, run)
title(run) = run[1:strstrt(run, "-") - 1] . " " . run[strstrt(run, "-") + 1:*]

do for [series in "length batch model"] {
  set output sprintf("%s/growth-%s.svg", images, series)
  if (series eq "length") {
    set xlabel "tokens of one sequence"
    set logscale x 2
    set xrange [56:1170]
  } else {
    set xlabel (series eq "batch" ? "tokens a batch, in sequences of 512" : "million parameters (1 × 512 tokens)")
    unset logscale x
    if (series eq "batch") {
      set xrange [0:17000]
      set xtics (2048, 4096, 8192, 16384)
    } else {
      set xrange [0:1650]
      set xtics (124, 355, 774, 1558)
    }
  }
  set multiplot layout 1,2
  set ylabel "ms a token"
  set key on
  if (series eq "model") { set key top left } else { set key top right }
  if (series eq "batch") { set key off }
  plot for [i = 1:words(runs)] file(series, word(runs, i)) using 1:2 with linespoints linestyle i title title(word(runs, i))
  set ylabel "peak memory, GB"
  if (series eq "batch") { set key on top right } else { set key off }
  plot for [i = 1:words(runs)] file(series, word(runs, i)) using 1:3 with linespoints linestyle i title title(word(runs, i))
  unset multiplot
}
