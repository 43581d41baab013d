// Derivatives of the losses with respect to the logits. The formulas, their papers and their
// floors stand in mln/losses/formulas.py, mln/losses/network.py and mln/losses/adaptive.py.
#pragma once

#include "adaptive.hpp"
#include "network.hpp"
#include "profile.hpp"

enum LossKind { NETWORK, CE, MSE, MAE, GCE, SCE, LABEL_SMOOTHING, FOCAL, POLY1, ADAPTIVE, GATE };

struct Loss {
  int kind;
  float parameter, beta, log_zero;
  float example_weight;
  long classes;
  float* kept;  // room for [classes, VW]
  double range[Exponents::COUNT];
  State state;
  Network network;
  Profile profile;

  // numbers: see Network::set and, after these, Gate::set; Exponents::set; of other losses one
  // number.
  void set(const float* numbers, long hidden) {
    example_weight = 1.0f / float(state.batch);
    own = numbers;
    if (follows()) state.reset();
    if (kind == NETWORK || kind == GATE) {
      network.set(numbers, hidden, example_weight / float(classes));
      own = network.state + long(state.features.size()) * hidden;
    } else {
      parameter = numbers[0];
    }
    if (kind == NETWORK && !follows())
      profile.set(&network, double(state.steps) * double(classes) *
                                double(round_up(state.batch, VW) / VW));
  }

  // Whether the loss depends on the state of training.
  bool follows() const { return kind == ADAPTIVE || kind == GATE || !state.features.empty(); }

  // z: logits [classes, stride]; becomes their derivative. labels: [stride], as int32. real:
  // 1 for an example, 0 for padding. step: counted from 0. Returns whether all logits were finite;
  // if not, z is left.
  bool gradient(float* z, long stride, const int32_t* labels, const float* real, long step) {
    V probe{};
    for (long c = 0; c < classes; ++c)
      for (long n = 0; n < stride; n += VW) probe += load(z + c * stride + n) * 0.0f;
    if (!(sum(probe) == 0.0f)) return false;
    if (follows()) {
      follow(z, stride, labels, real, step);
      return true;
    }
    for (long n = 0; n < stride; n += VW) {
      VI y = *reinterpret_cast<const VI*>(labels + n);
      column(z + n, stride, y, load(real + n));
    }
    return true;
  }

 private:
  const float* own;  // numbers of the exponents or the gate
  Exponents exponents;
  Gate gate;

  // The state sees the whole batch before the loss is made of it.
  void follow(float* z, long stride, const int32_t* labels, const float* real, long step) {
    auto label = [=](long n) { return *reinterpret_cast<const VI*>(labels + n); };
    state.begin();
    for (long n = 0; n < stride; n += VW) state.observe(z + n, stride, label(n), load(real + n));
    state.end(step, labels);
    if (kind == ADAPTIVE) {
      exponents.set(own, range, state);
      for (long n = 0; n < stride; n += VW)
        exponents.gradient(z + n, stride, classes, label(n), load(real + n) * example_weight, kept);
      return;
    }
    network.follow(state.features);
    if (kind == GATE) gate.set(own, range[Exponents::TAU], state);
    for (long n = 0; n < stride; n += VW) by_network(z + n, stride, label(n), load(real + n));
  }

  // From probabilities p, which become the derivative of the logits.
  void by_network(float* z, long stride, VI y, V real) {
    V total{};
    for (long c = 0; c < classes; ++c) {
      V p = load(z + c * stride), log_p{};
      if (network.has_log_p) log_p = at_least(log_(at_least(p, P_FLOOR)), LOG_FLOOR);
      V u = network.derivative(log_p, p, y == int32_t(c));
      store(kept + c * VW, u);
      total += u;
    }
    if (kind == NETWORK) {
      for (long c = 0; c < classes; ++c)
        store(z + c * stride, (load(kept + c * VW) - load(z + c * stride) * total) * real);
      return;
    }
    V inverse = gate.adjustment.scale(z, stride, classes);
    V of_entropy = real * (gate.of_entropy * example_weight), of_network = real * gate.of_network;
    for (long c = 0; c < classes; ++c) {
      V p = load(z + c * stride);
      V adjusted = p * gate.adjustment.weight[c] * inverse;
      V hot = y == int32_t(c) ? splat(1.0f) : V{};
      store(z + c * stride,
            (adjusted - hot) * of_entropy + (load(kept + c * VW) - p * total) * of_network);
    }
  }

  // One vector of examples.
  void column(float* z, long stride, VI y, V real) {
    V top = load(z);
    for (long c = 1; c < classes; ++c) {
      V x = load(z + c * stride);
      top = x > top ? x : top;
    }
    if (kind == NETWORK) return evolved(z, stride, y, real, top);
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

  void evolved(float* z, long stride, VI y, V real, V top) {
    V total{};
    for (long c = 0; c < classes; ++c) {
      V e = exp_(load(z + c * stride) - top);
      store(kept + c * VW, e);
      total += e;
    }
    V inverse = 1.0f / total, log_total = log_(total), u_total{};
    // The logits become u = p dl/dp, and what is kept the probabilities.
    for (long c = 0; c < classes; ++c) {
      V log_p = at_least(load(z + c * stride) - top - log_total, LOG_FLOOR);
      V p = load(kept + c * VW) * inverse;
      VI mine = y == int32_t(c);
      V u = profile.used ? profile.derivative(log_p, p, mine) : network.derivative(log_p, p, mine);
      u_total += u;
      store(kept + c * VW, p);
      store(z + c * stride, u);
    }
    for (long c = 0; c < classes; ++c)
      store(z + c * stride, (load(z + c * stride) - load(kept + c * VW) * u_total) * real);
  }
};
