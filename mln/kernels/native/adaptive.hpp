// Losses that follow the state of training: exponents, gate and adjustment of one step. The
// formulas stand in mln/losses/adaptive.py and mln/losses/heads.py.
#pragma once

#include "state.hpp"

constexpr float TINY = 1.17549435e-38f;  // mln.losses.base.probability_floor

// As torch's clamp: NaN stays NaN.
inline double unit_interval(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

// weights [features] . state + constant
inline double linear(const float* weights, float constant, const std::vector<double>& state) {
  double total = constant;
  for (size_t i = 0; i < state.size(); ++i) total += double(weights[i]) * state[i];
  return total;
}

// Logit adjustment by tau times the logarithm of the class frequencies, on probabilities.
struct Adjustment {
  float tau = 0;
  Buffer weight;  // [classes]

  void set(double of_tau, const State& state) {
    tau = float(of_tau);
    if (!weight) weight = Buffer(round_up(state.classes, VW));
    float largest = state.log_prior[0];
    for (long c = 1; c < state.classes; ++c) largest = std::max(largest, state.log_prior[c]);
    for (long c = 0; c < state.classes; c += VW)
      store(weight + c, exp_((load(state.log_prior + c) - largest) * tau));
  }

  // What p [classes, stride] times its weights must be multiplied by.
  inline V scale(const float* p, long stride, long classes) const {
    V total{};
    for (long c = 0; c < classes; ++c) total += load(p + c * stride) * weight[c];
    return 1.0f / total;
  }
};

struct Exponents {
  enum { Q, EPS, GAMMA, TAU, COUNT };
  float q, eps, gamma, scale;
  Adjustment adjustment;

  // numbers: weights [COUNT, features], constants [COUNT], scale; range: [COUNT].
  void set(const float* numbers, const double* range, const State& state) {
    const float* constants = numbers + COUNT * state.features.size();
    double found[COUNT];
    for (long i = 0; i < COUNT; ++i) {
      const float* weights = numbers + i * state.features.size();
      found[i] = range[i] * unit_interval(linear(weights, constants[i], state.features));
    }
    q = float(found[Q]);
    eps = float(found[EPS]);
    gamma = float(found[GAMMA]);
    scale = constants[COUNT];
    adjustment.set(found[TAU], state);
  }

  // -dl/d(log p) of a class whose target is 1.
  inline V pull(V p) const {
    if (q == 0 && gamma == 0) return splat(1.0f);
    V log_p = log_(at_least(p, TINY));
    V power = q == 0 ? V{} : expm1_(q * log_p);  // p^q - 1
    if (gamma == 0) return power + 1.0f;
    V rest = at_least(1.0f - p, TINY);
    V box_cox = q == 0 ? -log_p : power * (-1.0f / q);
    return exp_(gamma * log_(rest)) * (power + 1.0f + gamma * p * box_cox / rest);
  }

  // p: probabilities [classes, stride]; becomes the derivative of the logits. kept: room for
  // [classes, VW]; real: a factor of each example.
  inline void gradient(float* p, long stride, long classes, VI y, V real, float* kept) const {
    real = real * scale;
    if (!(adjustment.tau == 0)) {
      V inverse = adjustment.scale(p, stride, classes);
      for (long c = 0; c < classes; ++c)
        store(p + c * stride, load(p + c * stride) * adjustment.weight[c] * inverse);
    }
    if (eps == 0) {  // the true class alone has a target
      V target{};
      for (long c = 0; c < classes; ++c)
        target += y == int32_t(c) ? load(p + c * stride) : V{};
      V factor = pull(target);
      for (long c = 0; c < classes; ++c) {
        V hot = y == int32_t(c) ? splat(1.0f) : V{};
        store(p + c * stride, (load(p + c * stride) - hot) * factor * real);
      }
      return;
    }
    V uniform = splat(eps / float(classes)), total{};
    for (long c = 0; c < classes; ++c) {
      V target = y == int32_t(c) ? uniform + (1.0f - eps) : uniform;
      V u = target * pull(load(p + c * stride));
      store(kept + c * VW, u);
      total += u;
    }
    for (long c = 0; c < classes; ++c)
      store(p + c * stride, (load(p + c * stride) * total - load(kept + c * VW)) * real);
  }
};

// Cross-entropy and a network, mixed.
struct Gate {
  float of_entropy, of_network;  // factors of their derivatives
  Adjustment adjustment;

  // numbers: weights [2, features] of gate and tau, constants [2], scale.
  void set(const float* numbers, double largest_tau, const State& state) {
    size_t count = state.features.size();
    const float* constants = numbers + 2 * count;
    double g = 1 / (1 + std::exp(-linear(numbers, constants[0], state.features)));
    double tau = unit_interval(linear(numbers + count, constants[1], state.features));
    of_entropy = float((1 - g) * constants[2]);
    of_network = float(g * constants[2]);
    adjustment.set(largest_tau * tau, state);
  }
};
