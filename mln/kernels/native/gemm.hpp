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

  template <int M>
  struct Rows {
    const float* at;
    long row, column;
    float operator[](int m) const { return at[m * row]; }
    void next() { at += column; }
  };
  template <int M>
  Rows<M> rows(long m0) const {
    return {at + m0 * row, row, column};
  }
};

struct LeftRows {  // A[m][k] = at[m][k], rows that lie anywhere
  const float* const* at;

  template <int M>
  struct Rows {
    const float* at[M];
    long k;
    float operator[](int m) const { return at[m][k]; }
    void next() { ++k; }
  };
  template <int M>
  Rows<M> rows(long m0) const {
    Rows<M> found;
    for (int m = 0; m < M; ++m) found.at[m] = at[m0 + m];
    found.k = 0;
    return found;
  }
};

struct LeftColumns {  // A[m][k] = at[k][m]
  const float* const* at;

  template <int M>
  struct Rows {
    const float* const* at;
    long m0;
    float operator[](int m) const { return (*at)[m0 + m]; }
    void next() { ++at; }
  };
  template <int M>
  Rows<M> rows(long m0) const {
    return {at, m0};
  }
};

template <int M, int N, class Rows, class Finish>
inline __attribute__((always_inline)) void tile(Rows a, const float* x, long stride, long count,
                                                const Finish& finish) {
  V c[M][N] = {};
  for (long k = 0; k < count; ++k) {
    V xs[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) xs[n] = load(x + n * VW);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      V w = splat(a[m]);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) c[m][n] += w * xs[n];
    }
    a.next();
    x += stride;
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) finish(m, n, c[m][n]);
}

// Columns [n0, n0 + N) of vectors, all rows; M rows at a time, then 4, 2 and 1.
template <int M, int N, class A, class Finish>
inline void strip(const A& a, long rows, const float* x, long stride, long count, long n0,
                  const Finish& finish) {
  long m0 = 0;
  auto at = [&](int m, int n, V c) __attribute__((always_inline)) { finish(m0 + m, n0 + n, c); };
  for (; m0 + M <= rows; m0 += M) tile<M, N>(a.template rows<M>(m0), x, stride, count, at);
  if (M > 4)
    for (; m0 + 4 <= rows; m0 += 4) tile<4, N>(a.template rows<4>(m0), x, stride, count, at);
  if (m0 + 2 <= rows) {
    tile<2, N>(a.template rows<2>(m0), x, stride, count, at);
    m0 += 2;
  }
  if (m0 < rows) tile<1, N>(a.template rows<1>(m0), x, stride, count, at);
}

// finish(m, n, c) is called once for each row m and vector n < vectors of C.
template <class A, class Finish>
inline void gemm(const A& a, long rows, const float* x, long stride, long count, long vectors,
                 const Finish& finish) {
  long n = 0;
  for (; n + 4 <= vectors; n += 4)
    strip<6, 4>(a, rows, x + n * VW, stride, count, n, finish);
  if (n + 3 == vectors) strip<8, 3>(a, rows, x + n * VW, stride, count, n, finish);
  if (n + 2 == vectors) strip<8, 2>(a, rows, x + n * VW, stride, count, n, finish);
  if (n + 1 == vectors) strip<8, 1>(a, rows, x + n * VW, stride, count, n, finish);
}
