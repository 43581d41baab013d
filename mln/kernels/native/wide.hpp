// A first layer with many more inputs than outputs, on examples as they lie in the pool.
//
// The weights are kept as [in, out]: examples then enter both products as single numbers, and
// neither their minibatch nor its transposed copy, which would fill the cache, is ever made.
#pragma once

#include "dense.hpp"

struct Wide {
  long in, out, row;
  Parameters weight, bias;  // [in, row], [row]

  Wide(long in, long out, bool adam) : in(in), out(out), row(round_up(out, VW)) {
    weight = Parameters(in * row, adam);
    bias = Parameters(row, adam);
  }

  const float* set(const float* flat, bool adam) {
    weight.reset(adam);
    bias.reset(adam);
    for (long i = 0; i < in; ++i)
      for (long o = 0; o < out; ++o) weight.weight[i * row + o] = flat[o * in + i];
    std::memcpy(bias.weight, flat + out * in, out * 4);
    return flat + out * (in + 1);
  }

  float* get(float* flat) const {
    for (long o = 0; o < out; ++o)
      for (long i = 0; i < in; ++i) flat[o * in + i] = weight.weight[i * row + o];
    std::memcpy(flat + out * in, bias.weight, out * 4);
    return flat + out * (in + 1);
  }

  // Examples x[b] [in] to y [out, stride], and turned [stride, row].
  void forward(const float* const* x, float* y, float* turned, long stride, bool hidden) const {
    const float* b = bias.weight;
    gemm(LeftRows{x}, stride, weight.weight, row, in, row / VW, [=](long m, long n, V c) {
      c += load(b + n * VW);
      store(turned + m * row + n * VW, hidden ? relu(c) : c);
    });
    transpose(turned, row, y, stride, stride, row);
  }

  // One step of the optimiser. d [out, stride]; turned: room for [stride, row].
  template <bool Adam>
  void update(const Update& rule, const float* d, float* turned, const float* const* x,
              long examples, long stride) {
    update_bias<Adam>(bias, rule, d, out, stride);
    transpose(d, stride, turned, row, row, stride);
    gemm(LeftColumns{x}, in, turned, row, examples, row / VW, [&](long m, long n, V c) {
      weight.apply<Adam>(rule, m * row + n * VW, c);
    });
  }
};
