// torch.optim's SGD, Adam and AdamW on vectors of weights, in the same order of operations.
#pragma once

#include "vec.hpp"

enum Rule { SGD = 0, ADAM = 1, ADAMW = 2 };

// One step's constants. `first` and `second` are the moments (SGD: the momentum buffer).
struct Update {
  int rule;
  bool nesterov;
  float lr, momentum, decay;      // decay: of the gradient (L2); ADAMW: factor 1 - lr * decay
  float step_size, root_correction;  // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)

  static Update at(int rule, bool nesterov, double lr, double momentum, double decay, long step) {
    Update u{};
    u.rule = rule;
    u.nesterov = nesterov;
    u.lr = float(lr);
    u.momentum = float(momentum);
    u.decay = float(rule == ADAMW ? 1 - lr * decay : decay);
    u.step_size = float(lr / (1 - std::pow(0.9, double(step))));
    u.root_correction = float(1 / std::sqrt(1 - std::pow(0.999, double(step))));
    return u;
  }

  inline void sgd(float* w, float* first, V g) const {
    V weight = load(w);
    g = g + weight * decay;
    V m = load(first) * momentum + g;
    store(first, m);
    store(w, weight - lr * (nesterov ? g + momentum * m : m));
  }

  inline void adam(float* w, float* first, float* second, V g) const {
    V weight = load(w);
    if (rule == ADAMW)
      weight = weight * decay;
    else
      g = g + weight * decay;
    V m = load(first);
    m = m + 0.1f * (g - m);
    V v = load(second) * 0.999f + (0.001f * g) * g;
    store(first, m);
    store(second, v);
    V root = v;  // the compiler makes one instruction of the loop
    for (int lane = 0; lane < VW; ++lane) root[lane] = __builtin_sqrtf(root[lane]);
    store(w, weight - step_size * (m / (root * root_correction + 1e-8f)));
  }

  template <bool Adam>
  inline void apply(float* w, float* first, float* second, V g) const {
    if constexpr (Adam)
      adam(w, first, second, g);
    else
      sgd(w, first, g);
  }
};
