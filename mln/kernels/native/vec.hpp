// Vectors of floats by the compilers' common extension, so that one source serves AVX-512, AVX2
// and NEON, and the functions on them. No comparison here turns a NaN into a number: a learner
// that diverges must be seen.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#define VW 16
#elif defined(__AVX__)
#define VW 8
#else
#define VW 4
#endif

typedef float V __attribute__((vector_size(VW * 4), may_alias));
typedef int32_t VI __attribute__((vector_size(VW * 4), may_alias));

inline V splat(float x) { return x - V{}; }
inline VI splat_int(int32_t x) { return x - VI{}; }
inline V load(const float* p) { return *reinterpret_cast<const V*>(p); }
inline void store(float* p, V x) { *reinterpret_cast<V*>(p) = x; }
inline V as_float(VI x) { return reinterpret_cast<V&>(x); }
inline VI as_int(V x) { return reinterpret_cast<VI&>(x); }

inline long round_up(long n, long to) { return (n + to - 1) / to * to; }

inline V relu(V x) { return x < 0.0f ? V{} : x; }
inline V at_most(V x, float top) { return x > top ? splat(top) : x; }
inline V at_least(V x, float bottom) { return x < bottom ? splat(bottom) : x; }
inline V magnitude(V x) { return as_float(as_int(x) & 0x7fffffff); }

inline float sum(V x) {
  float total = 0;
  for (int lane = 0; lane < VW; ++lane) total += x[lane];
  return total;
}

// 1.5 * 2^23: adding it leaves the nearest whole number in the lowest bits.
constexpr float ROUND = 12582912.0f;

// Polynomials of Cephes' expf and logf (S. Moshier, netlib), about 1 ulp.

// x = whole * log 2 + r; exp(r) is 1 + r + r * r times what is returned.
inline V exp_parts(V x, VI& whole, V& r) {
  V shifted = x * 1.44269504088896341f + ROUND;
  V n = shifted - ROUND;
  whole = as_int(shifted) - as_int(splat(ROUND));
  r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  V y = splat(1.9875691500e-4f);
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  return y * r + 5.0000001201e-1f;
}

inline V exp_(V x) {
  VI whole;
  V r, y = exp_parts(at_most(at_least(x, -87.0f), 88.7f), whole, r);
  y = y * (r * r) + r + 1.0f;
  // Two factors: 2^128 is no float.
  VI half = whole >> 1;
  y = y * as_float((half + 127) << 23) * as_float((whole - half + 127) << 23);
  V big = x > 88.7f ? splat(HUGE_VALF) : y;
  return x < -87.0f ? V{} : big;
}

// exp(x) - 1 for x <= 0, with all digits where it is small.
inline V expm1_(V x) {
  VI whole;
  V r, y = exp_parts(at_least(x, -87.0f), whole, r);
  V power = as_float((whole + 127) << 23);
  return (y * (r * r) + r) * power + (power - 1.0f);
}

// Of positive normal numbers; NaN stays NaN.
inline V log_(V x) {
  VI bits = as_int(x);
  VI exponent = ((bits >> 23) & 0xff) - 126;
  V m = as_float((bits & 0x007fffff) | 0x3f000000);
  auto small = m < 0.707106781186547524f;
  exponent = small ? exponent - 1 : exponent;
  m = (small ? m + m : m) - 1.0f;
  V e = __builtin_convertvector(exponent, V);
  V y = splat(7.0376836292e-2f);
  y = y * m - 1.1514610310e-1f;
  y = y * m + 1.1676998740e-1f;
  y = y * m - 1.2420140846e-1f;
  y = y * m + 1.4249322787e-1f;
  y = y * m - 1.6668057665e-1f;
  y = y * m + 2.0000714765e-1f;
  y = y * m - 2.4999993993e-1f;
  y = y * m + 3.3333331174e-1f;
  V square = m * m;
  y = y * m * square + e * -2.12194440e-4f - square * 0.5f;
  V found = m + y + e * 0.693359375f;
  V endless = x == HUGE_VALF ? x : found;
  return x != x ? x : endless;
}

// log(1 + u) for |u| <= 1/2.
inline V log1p_(V u) {
  V w = u + 1.0f;
  return log_(w) - ((w - 1.0f) - u) / w;
}

inline V sigmoid(V x) { return 1.0f / (1.0f + exp_(-x)); }

inline V tanh_(V x) {
  V e = exp_(magnitude(x) * -2.0f);
  V t = (1.0f - e) / (1.0f + e);
  return x < 0.0f ? -t : t;
}

// Lanes picked from the 2 * VW lanes of a and b.
#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, VI{__VA_ARGS__})
#endif

// Lanes without bit S of `a`, then of `b` in their gaps; and the same of the lanes with bit S.
template <int S>
inline void exchange(V& a, V& b) {
  V low, high;
#if VW == 16
  if constexpr (S == 8) {
    low = PICK(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    high = PICK(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  } else if constexpr (S == 4) {
    low = PICK(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    high = PICK(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  } else if constexpr (S == 2) {
    low = PICK(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    high = PICK(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  } else {
    low = PICK(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    high = PICK(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
  }
#elif VW == 8
  if constexpr (S == 4) {
    low = PICK(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    high = PICK(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  } else if constexpr (S == 2) {
    low = PICK(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    high = PICK(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  } else {
    low = PICK(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    high = PICK(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
#else
  if constexpr (S == 2) {
    low = PICK(a, b, 0, 1, 4, 5);
    high = PICK(a, b, 2, 3, 6, 7);
  } else {
    low = PICK(a, b, 0, 4, 2, 6);
    high = PICK(a, b, 1, 5, 3, 7);
  }
#endif
  a = low;
  b = high;
}

template <int S>
inline void transpose_stage(V* rows) {
#pragma GCC unroll 16
  for (int i = 0; i < VW; ++i)
    if (!(i & S)) exchange<S>(rows[i], rows[i + S]);
  if constexpr (S > 1) transpose_stage<S / 2>(rows);
}

// VW x VW numbers in place.
inline void transpose(V* rows) { transpose_stage<VW / 2>(rows); }

// Lane i of the result is the sum of rows[i]: a tree over all rows at once. Overwrites rows.
template <int S = VW / 2>
inline V sums(V* rows) {
#pragma GCC unroll 16
  for (int i = 0; i < S; ++i) {
    exchange<S>(rows[i], rows[i + S]);
    rows[i] += rows[i + S];
  }
  if constexpr (S > 1)
    return sums<S / 2>(rows);
  else
    return rows[0];
}

// to[c][r] = from[r][c] for blocks of VW x VW; `rows` and `columns` are multiples of VW.
inline void transpose(const float* from, long stride, float* to, long to_stride, long rows,
                      long columns) {
  for (long r = 0; r < rows; r += VW)
    for (long c = 0; c < columns; c += VW) {
      V block[VW];
#pragma GCC unroll 16
      for (int i = 0; i < VW; ++i) block[i] = load(from + (r + i) * stride + c);
      transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < VW; ++i) store(to + (c + i) * to_stride + r, block[i]);
    }
}
