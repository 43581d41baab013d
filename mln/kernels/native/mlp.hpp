// Layers with ReLU units on minibatches, forward and backward; the logits come last.
#pragma once


#include "dense.hpp"

// Room for a batch of activations and, for training, their derivatives.
struct Activations {
  long stride;
  std::vector<Buffer> x, transposed, d;  // x[l]: input of layer l; x[layers]: logits
};

struct Mlp {
  std::vector<Dense> layers;
  bool adam;

  Mlp(const std::vector<long>& sizes, bool adam) : adam(adam) {
    for (size_t l = 0; l + 1 < sizes.size(); ++l) layers.emplace_back(sizes[l], sizes[l + 1], adam);
  }

  const float* set(const float* flat) {
    for (Dense& layer : layers) flat = layer.set(flat, adam);
    return flat;
  }

  float* get(float* flat) const {
    for (const Dense& layer : layers) flat = layer.get(flat);
    return flat;
  }

  Activations room(long examples, bool training) const {
    Activations a;
    a.stride = round_up(examples, VW);
    a.x.emplace_back(layers[0].in * a.stride + VW * a.stride);
    for (const Dense& layer : layers) {
      a.transposed.emplace_back(training ? a.stride * round_up(layer.in, VW) : 0);
      a.d.emplace_back(training ? layer.in * a.stride : 0);
      // A transposition reads whole blocks: rows are rounded up.
      a.x.emplace_back(round_up(layer.out, VW) * a.stride);
    }
    return a;
  }

  // From a.x[0] to the logits a.x.back().
  float* forward(Activations& a) const {
    for (size_t l = 0; l < layers.size(); ++l)
      layers[l].forward(a.x[l], a.x[l + 1], a.stride, l + 1 < layers.size());
    return a.x.back();
  }

  // One step of the optimiser, from the derivative of the logits, which is in a.x.back(). With
  // `inner` the derivative of a.x[0], the outputs of a ReLU, is left in a.d[0]; otherwise
  // a.transposed[0] must be filled.
  template <bool Adam>
  void update(Activations& a, const Update& rule, long examples, bool inner) {
    const float* d = a.x.back();
    for (long l = long(layers.size()) - 1; l >= 0; --l) {
      Dense& layer = layers[l];
      bool pass_on = l > 0 || inner;
      if (pass_on) layer.backward(d, a.x[l], a.d[l], a.stride);
      if (pass_on && layer.wants_transposed())
        transpose(a.x[l], a.stride, a.transposed[l], round_up(layer.in, VW),
                  round_up(layer.in, VW), a.stride);
      layer.update<Adam>(rule, d, a.x[l], a.transposed[l], examples, a.stride);
      d = a.d[l];
    }
  }
};
