// Small matrix products in registers: C[m][n] = sum over k of A[m][k] X[k][n], n in vectors.
//
// The forward pass (weights times activations), the backward pass (transposed weights times
// derivatives) and the weights' gradient (derivatives times transposed activations) are this one
// loop with other strides; what is done with a tile of C before it leaves the registers is the
// `finish` that they hand over.
#pragma once

#include "vec.hpp"

struct Left {  // A[m][k] = at[m * row + k * column]
  const float* at;
  long row, column;
};

template <int M, int N, class Finish>
inline __attribute__((always_inline)) void tile(const float* a, long row, long column,
                                                const float* x, long stride, long count,
                                                const Finish& finish) {
  V c[M][N] = {};
  for (long k = 0; k < count; ++k) {
    V xs[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) xs[n] = load(x + n * VW);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      V w = splat(a[m * row]);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) c[m][n] += w * xs[n];
    }
    a += column;
    x += stride;
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) finish(m, n, c[m][n]);
}

// Columns [n0, n0 + N) of vectors, all rows; M rows at a time, then 4, 2 and 1.
template <int M, int N, class Finish>
inline void strip(Left a, long rows, const float* x, long stride, long count, long n0,
                  const Finish& finish) {
  long m0 = 0;
  auto at = [&](int m, int n, V c) __attribute__((always_inline)) { finish(m0 + m, n0 + n, c); };
  for (; m0 + M <= rows; m0 += M)
    tile<M, N>(a.at + m0 * a.row, a.row, a.column, x, stride, count, at);
  if (M > 4)
    for (; m0 + 4 <= rows; m0 += 4)
      tile<4, N>(a.at + m0 * a.row, a.row, a.column, x, stride, count, at);
  if (m0 + 2 <= rows) {
    tile<2, N>(a.at + m0 * a.row, a.row, a.column, x, stride, count, at);
    m0 += 2;
  }
  if (m0 < rows) tile<1, N>(a.at + m0 * a.row, a.row, a.column, x, stride, count, at);
}

// finish(m, n, c) is called once for each row m and vector n < vectors of C.
template <class Finish>
inline void gemm(Left a, long rows, const float* x, long stride, long count, long vectors,
                 const Finish& finish) {
  long n = 0;
  for (; n + 4 <= vectors; n += 4)
    strip<6, 4>(a, rows, x + n * VW, stride, count, n, finish);
  if (n + 3 == vectors) strip<8, 3>(a, rows, x + n * VW, stride, count, n, finish);
  if (n + 2 == vectors) strip<8, 2>(a, rows, x + n * VW, stride, count, n, finish);
  if (n + 1 == vectors) strip<8, 1>(a, rows, x + n * VW, stride, count, n, finish);
}
