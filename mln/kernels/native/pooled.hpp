// Backwards through 2x2 max pooling and a convolution at once.
//
// Of the four sums that a window of the pooling is made of, one alone has a derivative, in each
// lane another one. Instead of three quarters of zeros, the weights' gradient takes the inputs
// that belong to the chosen sum (two selections for a product), and the inputs' derivative the
// weights that belong to it (one lookup for a product): half the work of the dense passes.
#pragma once

#include "image.hpp"

#if defined(__clang__)
inline bool pooled_kernel(long) { return false; }  // no lookup in registers
#else
inline bool pooled_kernel(long kernel) { return kernel == 3 || kernel == 5; }
#endif

constexpr long ENTRIES = VW / 4;  // of the table, in a vector

// Vectors of an output and an input channel: (kernel + 1)^2 entries of four weights.
inline long pooled_vectors(long kernel) { return (kernel + 1) * (kernel + 1) / ENTRIES; }

inline long pooled_table_size(long in, long out, long kernel) {
  return pooled_kernel(kernel) ? in * out * pooled_vectors(kernel) * VW : 0;
}

// Entry (y, x) of (in, out): the weight by which the output chosen, 0 to 3, reads input (y, x) of
// the patch under a window; 0 where it does not.
inline void pooled_table(const float* w, long in, long out, long k, float* table) {
  for (long c = 0; c < in; ++c)
    for (long o = 0; o < out; ++o) {
      const float* own = w + (o * in + c) * k * k;
      for (long y = 0; y <= k; ++y)
        for (long x = 0; x <= k; ++x)
          for (long choice = 0; choice < 4; ++choice) {
            long ky = y - choice / 2, kx = x - choice % 2;
            bool reads = ky >= 0 && ky < k && kx >= 0 && kx < k;
            *table++ = reads ? own[ky * k + kx] : 0.0f;
          }
    }
}

struct PooledBackward {
  const Image &from, &to;
  long in, out;
  const float *x, *d;  // d: derivative before the ReLU, layout `to`
  const VB* choice;
  float* gradient;     // [out, in, K, K], added to
  const float* table;
  float* dx;           // layout `from`, or null

  void run(long kernel) const {
    if (kernel == 3) passes<3>();
    if (kernel == 5) passes<5>();
  }

 private:
  template <int K>
  void passes() const {
    for (long o = 0; o < out; ++o)
      for (long c = 0; c < in; ++c) weights<K>(o, c);
    if (!dx) return;
    std::memset(dx, 0, from.size() * 4);
#if !defined(__clang__)
    constexpr int rows = K == 5 ? 2 : 4;  // of the patch at a time: as many as there are registers
    for (long c = 0; c < in; ++c)
      for (long py = 0; py < to.height; ++py)
        for (long px = 0; px < to.width; ++px)
          for (int y = 0; y <= K; y += rows) inputs<K, rows>(c, py, px, y);
#endif
  }

  template <int K>
  void weights(long o, long c) const {
    V total[K * K] = {};
    for (long py = 0; py < to.height; ++py) {
      const float* g_row = d + to.at(o, py, 0);
      const VB* place_row = choice + (o * to.height + py) * to.width;
      const float* patch = x + from.corner(c, 2 * py, 0);
      for (long px = 0; px < to.width; ++px, patch += 2 * VW) {
        V g = load(g_row + px * to.pixel);
        VI place = __builtin_convertvector(place_row[px], VI);
        auto right = (place & 1) != 0, below = (place & 2) != 0;
        V above[K];
#pragma GCC unroll 6
        for (int y = 0; y <= K; ++y) {
          V here = load(patch + y * from.row());
#pragma GCC unroll 5
          for (int k = 0; k < K; ++k) {
            V next = load(patch + y * from.row() + (k + 1) * VW);
            V chosen = right ? next : here;
            here = next;
            if (y > 0) total[(y - 1) * K + k] += g * (below ? chosen : above[k]);
            above[k] = chosen;
          }
        }
      }
    }
    float* to_add = gradient + (o * in + c) * K * K;
    for (int k = 0; k < K * K; ++k) to_add[k] += sum(total[k]);
  }

#if !defined(__clang__)
  // Rows [y0, y0 + Rows) of the patch under window (py, px): all output channels' share in them.
  template <int K, int Rows>
  void inputs(long c, long py, long px, int y0) const {
    constexpr int count = Rows * (K + 1);
    V total[count] = {};
    long place_at = py * to.width + px, places = to.height * to.width;
    const float* g_at = d + to.at(0, py, px);
    const float* weights_at = table + (c * out * (K + 1) + y0) * (K + 1) * 4;
    for (long o = 0; o < out; ++o) {
      V g = load(g_at);
      VI place[ENTRIES];
      place[0] = __builtin_convertvector(choice[o * places + place_at], VI);
#pragma GCC unroll 4
      for (int e = 1; e < ENTRIES; ++e) place[e] = place[0] + 4 * e;
#pragma GCC unroll 24
      for (int i = 0; i < count; ++i)
        total[i] += g * __builtin_shuffle(load(weights_at + i / ENTRIES * VW), place[i % ENTRIES]);
      g_at += to.channel();
      weights_at += (K + 1) * (K + 1) * 4;
    }
#pragma GCC unroll 24
    for (int i = 0; i < count; ++i) {
      float* at = dx + from.corner(c, 2 * py + y0 + i / (K + 1), 2 * px + i % (K + 1));
      store(at, load(at) + total[i]);
    }
  }
#endif
};
