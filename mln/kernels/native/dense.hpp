// A linear layer on minibatches with the example innermost: activations [features, stride].
#pragma once

#include <algorithm>
#include <cstdlib>
#include <new>
#include <vector>

#include "gemm.hpp"
#include "optimizer.hpp"

// Zeroed, aligned memory for floats that is freed with its owner.
struct Buffer {
  float* at = nullptr;
  Buffer() = default;
  explicit Buffer(long size) {
    long bytes = round_up(size * 4 + 64, 64);
    at = static_cast<float*>(std::aligned_alloc(64, bytes));
    if (!at) throw std::bad_alloc();
    std::memset(at, 0, bytes);
  }
  Buffer(Buffer&& other) noexcept : at(other.at) { other.at = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(at, other.at);
    return *this;
  }
  ~Buffer() { std::free(at); }
  operator float*() const { return at; }
};

// Weights and their moments, each in a block that begins at a multiple of VW.
struct Parameters {
  long size = 0;
  Buffer weight, first, second;
  Parameters() = default;
  Parameters(long size, bool adam)
      : size(size), weight(size), first(size), second(adam ? size : 0) {}
  void reset(bool adam) {
    std::memset(weight, 0, size * 4);
    std::memset(first, 0, size * 4);
    if (adam) std::memset(second, 0, size * 4);
  }
  template <bool Adam>
  inline void apply(const Update& update, long at, V gradient) {
    update.apply<Adam>(weight + at, first + at, Adam ? second + at : nullptr, gradient);
  }
};

// Add the rows of d [out, stride] up, VW rows at a time: the gradient of biases.
template <bool Adam>
inline void update_bias(Parameters& bias, const Update& update, const float* d, long out,
                        long stride) {
  for (long o = 0; o < out; o += VW) {
    V rows[VW] = {};
    for (long i = 0; i < VW && o + i < out; ++i)
      for (long n = 0; n < stride; n += VW) rows[i] += load(d + (o + i) * stride + n);
    bias.apply<Adam>(update, o, sums(rows));
  }
}

struct Dense {
  long in, out;
  long row;  // distance of rows of the weights [out, in]
  Parameters weight, bias;

  // Few inputs: rows lie close, and each weight's gradient is a sum over the lanes.
  bool few_inputs() const { return in <= 4; }
  bool few_outputs() const { return out <= 3; }
  bool wants_transposed() const { return !few_inputs() && !few_outputs(); }

  Dense(long in, long out, bool adam) : in(in), out(out) {
    row = few_inputs() ? (in <= 2 ? in : 4) : round_up(in, VW);
    if (row > VW) row = round_up(row, VW);
    weight = Parameters(round_up(out * row, VW) + VW, adam);
    bias = Parameters(round_up(out, VW), adam);
  }

  const float* set(const float* flat, bool adam) {
    weight.reset(adam);
    bias.reset(adam);
    for (long o = 0; o < out; ++o) std::memcpy(weight.weight + o * row, flat + o * in, in * 4);
    std::memcpy(bias.weight, flat + out * in, out * 4);
    return flat + out * (in + 1);
  }

  float* get(float* flat) const {
    for (long o = 0; o < out; ++o) std::memcpy(flat + o * in, weight.weight + o * row, in * 4);
    std::memcpy(flat + out * in, bias.weight, out * 4);
    return flat + out * (in + 1);
  }

  // x [in, stride] to y [out, stride].
  void forward(const float* x, float* y, long stride, bool hidden) const {
    const float* b = bias.weight;
    if (hidden)
      gemm(Left{weight.weight, row, 1}, out, x, stride, in, stride / VW,
           [=](long m, long n, V c) { store(y + m * stride + n * VW, relu(c + b[m])); });
    else
      gemm(Left{weight.weight, row, 1}, out, x, stride, in, stride / VW,
           [=](long m, long n, V c) { store(y + m * stride + n * VW, c + b[m]); });
  }

  // Derivative of the inputs, which are outputs of a ReLU: positive just where its input is.
  void backward(const float* d, const float* x, float* dx, long stride) const {
    gemm(Left{weight.weight, 1, row}, in, d, stride, out, stride / VW, [=](long m, long n, V c) {
      long at = m * stride + n * VW;
      store(dx + at, load(x + at) > 0.0f ? c : V{});
    });
  }

  // One step of the optimiser. x [in, stride]; transposed: x as [examples, round_up(in, VW)],
  // where wants_transposed().
  template <bool Adam>
  void update(const Update& rule, const float* d, const float* x, const float* transposed,
              long examples, long stride) {
    update_bias<Adam>(bias, rule, d, out, stride);
    if (few_inputs()) {
      if (row == 1) return by_lanes<1, Adam>(rule, d, x, stride);
      if (row == 2) return by_lanes<2, Adam>(rule, d, x, stride);
      return by_lanes<4, Adam>(rule, d, x, stride);
    }
    if (few_outputs()) return by_lanes<VW, Adam>(rule, d, x, stride);
    gemm(Left{d, stride, 1}, out, transposed, row, examples, row / VW, [&](long m, long n, V c) {
      weight.apply<Adam>(rule, m * row + n * VW, c);
    });
  }

 private:
  // VW weights at a time, I inputs of each of VW / I outputs: products summed over the lanes.
  template <int I, bool Adam>
  void by_lanes(const Update& rule, const float* d, const float* x, long stride) {
    constexpr int O = VW / I;
    for (long o = 0; o < out; o += O)
      for (long i = 0; i < row; i += I) {
        const float *ds[O], *xs[I];
        for (int k = 0; k < O; ++k) ds[k] = d + (o + k < out ? o + k : out - 1) * stride;
        for (int k = 0; k < I; ++k) xs[k] = x + (i + k < in ? i + k : in - 1) * stride;
        V c[VW] = {};
        for (long n = 0; n < stride; n += VW) {
#pragma GCC unroll 16
          for (int a = 0; a < O; ++a) {
            V da = load(ds[a] + n);
#pragma GCC unroll 16
            for (int k = 0; k < I; ++k) c[a * I + k] += da * load(xs[k] + n);
          }
        }
        V gradient = sums(c);
        if (o + O > out || i + I > in)
          for (int a = 0; a < O; ++a)
            for (int k = 0; k < I; ++k)
              if (o + a >= out || i + k >= in) gradient[a * I + k] = 0;
        weight.apply<Adam>(rule, o * row + i, gradient);
      }
  }
};
