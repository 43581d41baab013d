// Feature maps of VW examples: [channels, height, width], each pixel a vector, with a border.
#pragma once

#include "dense.hpp"

typedef int8_t VB __attribute__((vector_size(VW), may_alias));

struct Image {
  long channels, height, width, border;
  long pixel = VW;  // floats from one pixel to the next

  long row() const { return (width + 2 * border) * pixel; }
  long channel() const { return (height + 2 * border) * row(); }
  long size() const { return channels * channel(); }
  // Of a pixel, counted without the border.
  long at(long c, long y, long x) const {
    return c * channel() + (y + border) * row() + (x + border) * pixel;
  }
  // Of a pixel, counted from the corner of the border.
  long corner(long c, long y, long x) const { return c * channel() + y * row() + x * pixel; }
};

// Sums over taps in registers: c[m][n] = sum over k of a[m * row + k] x[taps[k] + places[n]].
template <int M, int N, class Finish>
inline __attribute__((always_inline)) void taps_tile(const float* a, long row, const float* x,
                                                     const long* taps, const long* places,
                                                     long count, const Finish& finish) {
  V c[M][N] = {};
  const float* xs[N];
  for (int n = 0; n < N; ++n) xs[n] = x + places[n];
  for (long k = 0; k < count; ++k) {
    long tap = taps[k];
    V v[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) v[n] = load(xs[n] + tap);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) {
      V w = splat(a[m * row + k]);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) c[m][n] += w * v[n];
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) finish(m, c[m]);
}

// All output channels at N places: finish(o, c) gets the N sums of channel o.
template <int N, class Finish>
inline void taps_at(const float* a, long row, long channels, const float* x, const long* taps,
                    const long* places, long count, const Finish& finish) {
  long o = 0;
  auto at = [&](int m, const V* c) __attribute__((always_inline)) { finish(o + m, c); };
  for (; o + 6 <= channels; o += 6)
    taps_tile<6, N>(a + o * row, row, x, taps, places, count, at);
  for (; o + 4 <= channels; o += 4)
    taps_tile<4, N>(a + o * row, row, x, taps, places, count, at);
  for (; o < channels; ++o) taps_tile<1, N>(a + o * row, row, x, taps, places, count, at);
}
