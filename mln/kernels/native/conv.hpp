// A convolution with ReLU and, where it ends a block, 2x2 max pooling, on VW examples at once.
//
// Pooling happens in the registers that hold the four sums of a window: only the largest is
// stored, with its place. Backwards, just one of the four has a derivative; `pooled.hpp` makes
// use of that for the usual kernel sizes, here stands what works for any.
#pragma once

#include "image.hpp"
#include "pooled.hpp"

struct Conv {
  long in, out, kernel;
  bool pool;
  Image from, full, to, widened;  // input; output before pooling; output; its derivative, bordered
  long fan;                       // weights of an output channel
  std::vector<long> taps, back_taps;
  Parameters weight, bias;        // [out, in, kernel, kernel], [out]
  Buffer gradient, bias_gradient;
  Buffer spread, turned;          // derivative before pooling; weights [in, out], turned by 180
  Buffer table;                   // see pooled.hpp

  // `from` has the convolution's padding as its border.
  Conv(Image from, long out, long kernel, bool pool, bool adam)
      : in(from.channels), out(out), kernel(kernel), pool(pool), from(from) {
    long padding = from.border;
    full = {out, from.height + 2 * padding - kernel + 1, from.width + 2 * padding - kernel + 1, 0};
    to = pool ? Image{out, full.height / 2, full.width / 2, 0} : full;
    widened = full;
    widened.border = kernel - 1 - padding;
    fan = in * kernel * kernel;
    for (long c = 0; c < in; ++c)
      for (long y = 0; y < kernel; ++y)
        for (long x = 0; x < kernel; ++x) taps.push_back(from.corner(c, y, x));
    for (long o = 0; o < out; ++o)
      for (long y = 0; y < kernel; ++y)
        for (long x = 0; x < kernel; ++x) back_taps.push_back(widened.corner(o, y, x));
    weight = Parameters(round_up(out * fan, VW) + VW, adam);
    bias = Parameters(round_up(out, VW), adam);
    gradient = Buffer(round_up(out * fan, VW) + 2 * VW);
    bias_gradient = Buffer(round_up(out, VW));
    spread = Buffer(widened.size());
    turned = Buffer(out * fan);
    table = Buffer(pooled_table_size(in, out, kernel));
  }

  const float* set(const float* flat, bool adam) {
    weight.reset(adam);
    bias.reset(adam);
    std::memcpy(weight.weight, flat, out * fan * 4);
    std::memcpy(bias.weight, flat + out * fan, out * 4);
    return flat + out * (fan + 1);
  }

  float* get(float* flat) const {
    std::memcpy(flat, weight.weight, out * fan * 4);
    std::memcpy(flat + out * fan, bias.weight, out * 4);
    return flat + out * (fan + 1);
  }

  // x in the layout `from`; y in the layout `to` as the caller has it, with borders and pixels of
  // his own; choice [out, pooled pixels]: which of each window's four is the largest.
  void forward(const float* x, float* y, const Image& to, VB* choice) const {
    const float *w = weight.weight, *b = bias.weight;
    long count = long(taps.size());
    if (pool) {
      const long window[4] = {0, VW, from.row(), from.row() + VW};
      for (long py = 0; py < to.height; ++py)
        for (long px = 0; px < to.width; ++px)
          taps_at<4>(w, fan, out, x + from.corner(0, 2 * py, 2 * px), taps.data(), window, count,
                     [&](long o, const V* c) __attribute__((always_inline)) {
                       V best = c[0];
                       VI place{};
#pragma GCC unroll 3
                       for (int i = 1; i < 4; ++i) {
                         // As torch: the first of equals, and a NaN is larger than all.
                         auto more = (c[i] > best) | (c[i] != c[i]);
                         best = more ? c[i] : best;
                         place = more ? splat_int(i) : place;
                       }
                       store(y + to.at(o, py, px), relu(best + b[o]));
                       if (choice)
                         choice[(o * to.height + py) * to.width + px] =
                             __builtin_convertvector(place, VB);
                     });
      return;
    }
    const long places[4] = {0, VW, 2 * VW, 3 * VW};
    for (long py = 0; py < full.height; ++py) {
      long px = 0;
      auto finish = [&](long o, const V* c, int n) __attribute__((always_inline)) {
        for (int i = 0; i < n; ++i) store(y + to.at(o, py, px + i), relu(c[i] + b[o]));
      };
      for (; px + 4 <= full.width; px += 4)
        taps_at<4>(w, fan, out, x + from.corner(0, py, px), taps.data(), places, count,
                   [&](long o, const V* c) { finish(o, c, 4); });
      for (; px < full.width; ++px)
        taps_at<1>(w, fan, out, x + from.corner(0, py, px), taps.data(), places, count,
                   [&](long o, const V* c) { finish(o, c, 1); });
    }
  }

  // Before the blocks of a batch.
  void begin(bool pass_on) {
    std::memset(gradient, 0, out * fan * 4);
    std::memset(bias_gradient, 0, out * 4);
    if (!pass_on) return;
    if (pool && pooled_kernel(kernel))
      pooled_table(weight.weight, in, out, kernel, table);
    else
      for (long c = 0; c < in; ++c)
        for (long o = 0; o < out; ++o)
          for (long k = 0; k < kernel * kernel; ++k)
            turned[(c * out + o) * kernel * kernel + k] =
                weight.weight[o * fan + (c + 1) * kernel * kernel - 1 - k];
  }

  // d: derivative of the output y, in the layout `to`; becomes that before the ReLU. Adds to the
  // gradient and leaves the derivative of x in dx, if that is not null.
  void backward(const float* x, const float* y, float* d, const Image& to, const VB* choice,
                float* dx) {
    for (long o = 0; o < out; ++o) {
      V total{};
      for (long py = 0; py < to.height; ++py)
        for (long px = 0; px < to.width; ++px) {
          long at = to.at(o, py, px);
          V g = load(y + at) > 0.0f ? load(d + at) : V{};
          store(d + at, g);
          total += g;
        }
      bias_gradient[o] += sum(total);
    }
    if (pool && pooled_kernel(kernel)) {
      PooledBackward pass{from, to, in, out, x, d, choice, gradient, table, dx};
      return pass.run(kernel);
    }
    spread_out(d, to, choice);
    weights_gradient(x);
    if (dx) input_derivative(dx);
  }

  template <bool Adam>
  void update(const Update& rule) {
    for (long i = 0; i < out * fan; i += VW) weight.apply<Adam>(rule, i, load(gradient + i));
    for (long i = 0; i < out; i += VW) bias.apply<Adam>(rule, i, load(bias_gradient + i));
  }

 private:
  // The derivative before pooling, with a border of zeros.
  void spread_out(const float* d, const Image& to, const VB* choice) {
    for (long o = 0; o < out; ++o)
      for (long py = 0; py < to.height; ++py)
        for (long px = 0; px < to.width; ++px) {
          V g = load(d + to.at(o, py, px));
          if (!pool) {
            store(spread + widened.at(o, py, px), g);
            continue;
          }
          VI place = __builtin_convertvector(choice[(o * to.height + py) * to.width + px], VI);
          for (int i = 0; i < 4; ++i)
            store(spread + widened.at(o, 2 * py + i / 2, 2 * px + i % 2), place == i ? g : V{});
        }
  }

  void weights_gradient(const float* x) {
    for (long o = 0; o < out; o += 4)
      for (long c = 0; c < in; ++c)
        for (long ky = 0; ky < kernel; ++ky)
          for (long kx = 0; kx < kernel; kx += 4) {
            V rows[16] = {};
            long channels = std::min(4L, out - o), across = std::min(4L, kernel - kx);
            const float* xs[4];
            const float* ds[4];
            for (long i = 0; i < 4; ++i) {
              xs[i] = x + from.corner(c, ky, kx + std::min(i, across - 1));
              ds[i] = spread + widened.at(o + std::min(i, channels - 1), 0, 0);
            }
            for (long py = 0; py < full.height; ++py)
              for (long px = 0; px < full.width; ++px) {
                long xat = py * from.row() + px * VW, dat = py * widened.row() + px * VW;
#pragma GCC unroll 4
                for (int m = 0; m < 4; ++m) {
                  V g = load(ds[m] + dat);
#pragma GCC unroll 4
                  for (int n = 0; n < 4; ++n) rows[m * 4 + n] += g * load(xs[n] + xat);
                }
              }
            for (long m = 0; m < channels; ++m)
              for (long n = 0; n < across; ++n)
                gradient[(o + m) * fan + (c * kernel + ky) * kernel + kx + n] +=
                    sum(rows[m * 4 + n]);
          }
  }

  void input_derivative(float* dx) const {
    const long places[4] = {0, VW, 2 * VW, 3 * VW};
    long count = long(back_taps.size());
    for (long y = 0; y < from.height; ++y) {
      long x = 0;
      auto finish = [&](long c, const V* v, int n) __attribute__((always_inline)) {
        for (int i = 0; i < n; ++i) store(dx + from.at(c, y, x + i), v[i]);
      };
      for (; x + 4 <= from.width; x += 4)
        taps_at<4>(turned, count, in, spread + widened.corner(0, y, x), back_taps.data(), places,
                   count, [&](long c, const V* v) { finish(c, v, 4); });
      for (; x < from.width; ++x)
        taps_at<1>(turned, count, in, spread + widened.corner(0, y, x), back_taps.data(), places,
                   count, [&](long c, const V* v) { finish(c, v, 1); });
    }
  }
};
