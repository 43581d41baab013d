// The evolved loss: a network of one hidden layer for each class, and its derivative.
#pragma once

#include <vector>

#include "chebyshev.hpp"
#include "vec.hpp"

enum Activation { TANH, RELU, SILU };

constexpr float LOG_FLOOR = -60.0f;  // mln.losses.network.LOG_FLOOR
constexpr float P_FLOOR = 8.75651076269652e-27f;

#if VW == 16 && !defined(__clang__)
#define SLOPE_TABLE 1
#else
#define SLOPE_TABLE 0
#endif

// sech^2(x) = 1 - tanh^2(x), the slope of tanh, as polynomials of degree 5 on 32 intervals: a
// lookup in registers. The argument is already multiplied by SLOPE_SCALE. Absolute error < 2e-7,
// as 1 - t * t has in float32.
constexpr float SLOPE_SCALE = 3.5f;

struct SlopeTable {
  V low[NODES], high[NODES];

  SlopeTable() {
    Chebyshev nodes;
    for (int interval = 0; interval < 32; ++interval) {
      double values[NODES], powers[NODES];
      for (int i = 0; i < NODES; ++i) {
        double x = std::cosh((interval + nodes.at[i]) / SLOPE_SCALE);
        values[i] = 1 / (x * x);
      }
      nodes.powers(values, powers);
      for (int j = 0; j < NODES; ++j)
        (interval < 16 ? low : high)[j][interval % VW] = float(powers[j]);
    }
  }

  inline V operator()(V x) const {
#if SLOPE_TABLE
    V t = at_most(magnitude(x), 31.49f);
    V shifted = t + ROUND;
    VI interval = as_int(shifted);
    V f = t - (shifted - ROUND);
    V y = __builtin_shuffle(low[5], high[5], interval);
#pragma GCC unroll 5
    for (int j = 4; j >= 0; --j) y = y * f + __builtin_shuffle(low[j], high[j], interval);
    return y;
#else
    V e = exp_(magnitude(x) * (-2.0f / SLOPE_SCALE));
    V d = 1.0f + e;
    return 4.0f * e / (d * d);
#endif
  }
};

// A hidden unit, with all constant factors of the derivative folded in.
struct Unit {
  float log_p, p, y, bias;   // into the unit; for tanh times SLOPE_SCALE
  float back_log_p, back_p;  // out of it: weight * output weight * scale / classes / examples
  float output;
};

struct Network {
  int activation;
  bool has_log_p, softplus;
  float constant;
  std::vector<Unit> units;
  const float *bias, *state;  // [hidden] and, for a network that follows the state, [count, hidden]
  SlopeTable slope;

  // numbers: rows log_p (0 where it is not read), p, y, bias, output [5, hidden], constant, scale,
  // and rows of the state [count, hidden]; they must stay where they are. factor: of all
  // derivatives.
  void set(const float* numbers, long hidden, float factor) {
    const float *log_p = numbers, *p = log_p + hidden, *y = p + hidden;
    bias = y + hidden;
    const float* output = bias + hidden;
    state = output + hidden + 2;
    constant = output[hidden];
    factor *= output[hidden + 1];
    float into = plain_tanh() ? SLOPE_SCALE : 1.0f;
    units.resize(hidden);
    for (long h = 0; h < hidden; ++h)
      units[h] = {log_p[h] * into, p[h] * into, y[h] * into, bias[h] * into,
                  factor * output[h] * log_p[h], factor * output[h] * p[h], output[h]};
  }

  void follow(const std::vector<double>& features) {
    long hidden = long(units.size());
    for (long h = 0; h < hidden; ++h) {
      double total = bias[h];
      for (size_t i = 0; i < features.size(); ++i)
        total += double(state[long(i) * hidden + h]) * features[i];
      units[h].bias = float(total) * (plain_tanh() ? SLOPE_SCALE : 1.0f);
    }
  }

  bool plain_tanh() const { return activation == TANH && !softplus; }

  // p times the derivative with respect to p of one class's share; `mine`: whether y is 1.
  // log_p is not below LOG_FLOOR.
  V derivative(V log_p, V p, VI mine) const {
    if (!plain_tanh()) return any_units(log_p, p, mine);
    return has_log_p ? tanh_units<true>(log_p, p, mine) : tanh_units<false>(log_p, p, mine);
  }

 private:
  template <bool Log>
  V tanh_units(V log_p, V p, VI mine) const {
    V by_log_p{}, by_p{};
    const SlopeTable table = slope;
    for (const Unit& unit : units) {
      V x = unit.p * p + unit.bias;
      if (Log) x += unit.log_p * log_p;
      x = mine ? x + unit.y : x;
      V s = table(x);
      by_p += s * unit.back_p;
      if (Log) by_log_p += s * unit.back_log_p;
    }
    V u = p * by_p;
    if (Log) u += p > P_FLOOR ? by_log_p : V{};
    return u;
  }

  V any_units(V log_p, V p, VI mine) const {
    V by_log_p{}, by_p{}, f = splat(constant);
    for (const Unit& unit : units) {
      V x = unit.p * p + unit.bias + unit.log_p * log_p;
      x = mine ? x + unit.y : x;
      V t, s;
      if (activation == TANH) {
        t = tanh_(x);
        s = 1.0f - t * t;
      } else if (activation == RELU) {
        t = relu(x);
        s = x > 0.0f ? splat(1.0f) : x - x;  // NaN for NaN and infinity, as it must be seen
      } else {
        V half = sigmoid(x);
        t = x * half;
        s = half * (1.0f + x * (1.0f - half));
      }
      f += t * unit.output;
      by_p += s * unit.back_p;
      by_log_p += s * unit.back_log_p;
    }
    V u = p * by_p + (p > P_FLOOR ? by_log_p : V{});
    return softplus ? u * sigmoid(f) : u;
  }
};
