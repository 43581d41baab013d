// Derivatives of the losses with respect to the logits. The formulas, their papers and their
// floors stand in mln/losses/formulas.py and mln/losses/network.py.
#pragma once

#include <vector>

#include "vec.hpp"

enum LossKind { NETWORK, CE, MSE, MAE, GCE, SCE, LABEL_SMOOTHING, FOCAL, POLY1 };
enum Activation { TANH, RELU, SILU };

constexpr float TINY = 1.17549435e-38f;   // mln.losses.base.probability_floor
constexpr float LOG_FLOOR = -60.0f;       // mln.losses.network.LOG_FLOOR
constexpr float P_FLOOR = 8.75651076269652e-27f;

// sech^2(x) = 1 - tanh^2(x), the slope of tanh, as polynomials of degree 5 on 32 intervals: a
// lookup in registers. The argument is already multiplied by SLOPE_SCALE. Absolute error < 2e-7,
// as 1 - t * t has in float32.
constexpr float SLOPE_SCALE = 3.5f;
#if VW == 16 && !defined(__clang__)
#define SLOPE_TABLE 1
#else
#define SLOPE_TABLE 0
#endif

struct SlopeTable {
  V low[6], high[6];

  // Interpolation at the Chebyshev nodes of each interval, turned into powers of f.
  SlopeTable() {
    for (int interval = 0; interval < 32; ++interval) {
      double node[6], difference[6], power[6] = {};
      for (int i = 0; i < 6; ++i) {
        node[i] = 0.5 * std::cos((2 * i + 1) * M_PI / 12);
        double t = std::cosh((interval + node[i]) / SLOPE_SCALE);
        difference[i] = 1 / (t * t);
      }
      for (int order = 1; order < 6; ++order)
        for (int i = 5; i >= order; --i)
          difference[i] = (difference[i] - difference[i - 1]) / (node[i] - node[i - order]);
      for (int i = 5; i >= 0; --i) {
        for (int j = 5; j > 0; --j) power[j] = power[j - 1] - node[i] * power[j];
        power[0] = difference[i] - node[i] * power[0];
      }
      for (int j = 0; j < 6; ++j) (interval < 16 ? low : high)[j][interval % VW] = float(power[j]);
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

// One hidden unit of a loss network, with all constant factors of the derivative folded in.
struct Unit {
  float log_p, p, y, bias;   // into the unit; for tanh times SLOPE_SCALE
  float back_log_p, back_p;  // out of it: weight * output weight * scale / classes / examples
  float output;
};

struct Loss {
  int kind, activation;
  bool has_log_p, softplus;
  float parameter, beta, log_zero, constant;
  std::vector<Unit> units;
  float example_weight;
  long classes;
  SlopeTable slope;

  // parameters: of a network the rows log_p (0 where it does not read it), p, y, bias, output
  // [5, hidden], then constant and scale; of the others one number.
  void set(const float* parameters, long hidden, long batch) {
    example_weight = 1.0f / float(batch);
    if (kind != NETWORK) {
      parameter = parameters[0];
      return;
    }
    const float *log_p = parameters, *p = log_p + hidden, *y = p + hidden, *bias = y + hidden,
                *output = bias + hidden;
    constant = output[hidden];
    float into = activation == TANH && !softplus ? SLOPE_SCALE : 1.0f;
    float factor = output[hidden + 1] / float(classes) * example_weight;
    units.resize(hidden);
    for (long h = 0; h < hidden; ++h)
      units[h] = {log_p[h] * into, p[h] * into, y[h] * into, bias[h] * into,
                  factor * output[h] * log_p[h], factor * output[h] * p[h], output[h]};
  }

  // z: logits [classes, stride]; becomes their derivative. labels: [stride], as int32. real:
  // 1 for an example, 0 for padding. Returns whether all logits were finite; if not, z is left.
  bool gradient(float* z, long stride, const int32_t* labels, const float* real) const {
    V probe{};
    for (long c = 0; c < classes; ++c)
      for (long n = 0; n < stride; n += VW) probe += load(z + c * stride + n) * 0.0f;
    if (!(sum(probe) == 0.0f)) return false;
    for (long n = 0; n < stride; n += VW) {
      VI y = *reinterpret_cast<const VI*>(labels + n);
      column(z + n, stride, y, load(real + n));
    }
    return true;
  }

 private:
  // One vector of examples.
  void column(float* z, long stride, VI y, V real) const {
    V top = load(z);
    for (long c = 1; c < classes; ++c) {
      V x = load(z + c * stride);
      top = x > top ? x : top;
    }
    if (kind == NETWORK) return network(z, stride, y, real, top);
    V total{};
    for (long c = 0; c < classes; ++c) {
      V e = exp_(load(z + c * stride) - top);
      store(z + c * stride, e);
      total += e;
    }
    V scale = 1.0f / total, target{}, rest{};
    for (long c = 0; c < classes; ++c) {
      V p = load(z + c * stride) * scale;
      store(z + c * stride, p);
      auto mine = y == int32_t(c);
      target += mine ? p : V{};
      rest += mine ? V{} : p;
    }
    real = real * example_weight;
    if (kind == MSE) return squared_error(z, stride, y, real);
    V factor = slope_of(target, rest);
    V smooth = kind == LABEL_SMOOTHING ? splat(parameter) : V{};
    V uniform = smooth * (1.0f / float(classes));
    for (long c = 0; c < classes; ++c) {
      V hot = y == int32_t(c) ? splat(1.0f) : V{};
      V d = (load(z + c * stride) - hot) * factor + (smooth * hot - uniform);
      store(z + c * stride, d * real);
    }
  }

  // dl/dz = (p - y) * slope.
  V slope_of(V target, V rest) const {
    switch (kind) {
      case MAE: return 2.0f * target;
      case GCE: return exp_(parameter * log_(at_least(target, TINY)));
      case SCE: return target * (-beta * log_zero) + parameter;
      case POLY1: return 1.0f + parameter * target;
      case FOCAL: {
        rest = at_least(rest, TINY);
        V near_one = log1p_(-at_most(rest, 0.5f));
        V log_p = rest < 0.5f ? near_one : log_(at_least(target, TINY));
        return exp_(parameter * log_(rest)) * (1.0f - parameter * target * log_p / rest);
      }
      default: return splat(1.0f);
    }
  }

  void squared_error(float* z, long stride, VI y, V real) const {
    V total{};
    for (long c = 0; c < classes; ++c) {
      V p = load(z + c * stride);
      V u = p * (p - (y == int32_t(c) ? splat(1.0f) : V{})) * (2.0f / float(classes));
      total += u;
    }
    for (long c = 0; c < classes; ++c) {
      V p = load(z + c * stride);
      V u = p * (p - (y == int32_t(c) ? splat(1.0f) : V{})) * (2.0f / float(classes));
      store(z + c * stride, (u - p * total) * real);
    }
  }

  void network(float* z, long stride, VI y, V real, V top) const {
    V total{};
    for (long c = 0; c < classes; ++c) total += exp_(load(z + c * stride) - top);
    V log_total = log_(total), u_total{};
    // The logits become u = p dl/dp; p is wanted again, so it is kept beside them.
    for (long c = 0; c < classes; ++c) {
      V log_p = load(z + c * stride) - top - log_total;
      V p = exp_(log_p);
      V u = u_of(at_least(log_p, LOG_FLOOR), p, y == int32_t(c));
      u_total += u;
      store(kept + c * VW, p);
      store(z + c * stride, u);
    }
    for (long c = 0; c < classes; ++c)
      store(z + c * stride, (load(z + c * stride) - load(kept + c * VW) * u_total) * real);
  }

  V u_of(V log_p, V p, VI mine) const {
    if (softplus) return units_general(log_p, p, mine);
    if (activation != TANH) return units_general(log_p, p, mine);
    return has_log_p ? units_tanh<true>(log_p, p, mine) : units_tanh<false>(log_p, p, mine);
  }

  template <bool Log>
  V units_tanh(V log_p, V p, VI mine) const {
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

  V units_general(V log_p, V p, VI mine) const {
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

 public:
  float* kept;  // room for [classes, VW]
};
