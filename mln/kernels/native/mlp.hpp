// Layers with ReLU units on minibatches, forward and backward; the logits come last.
#pragma once

#include <memory>

#include "variant.hpp"
#include "wide.hpp"

// Room for a batch of activations and, for training, their derivatives.
struct Activations {
  long stride;
  std::vector<Buffer> x, transposed, d;  // x[l]: input of layer l; x[layers]: logits
  Buffer turned;                         // see Wide
  std::vector<const float*> rows;        // the examples, for a wide layer
};

struct Mlp {
  std::unique_ptr<Wide> wide;  // before the layers where FRONT is WIDE, otherwise null
  std::vector<Dense> layers;
  long inputs;  // of the layers
  bool adam;

  Mlp(const std::vector<long>& sizes, bool adam) : adam(adam) {
    size_t first = FRONT == WIDE ? 1 : 0;
    if constexpr (FRONT == WIDE) wide = std::make_unique<Wide>(sizes[0], sizes[1], adam);
    inputs = sizes[first];
    for (size_t l = first; l + 1 < sizes.size(); ++l)
      layers.emplace_back(sizes[l], sizes[l + 1], adam);
  }

  const float* set(const float* flat) {
    if constexpr (FRONT == WIDE) flat = wide->set(flat, adam);
    for (Dense& layer : layers) flat = layer.set(flat, adam);
    return flat;
  }

  float* get(float* flat) const {
    if constexpr (FRONT == WIDE) flat = wide->get(flat);
    for (const Dense& layer : layers) flat = layer.get(flat);
    return flat;
  }

  Activations room(long examples, bool training) const {
    Activations a;
    a.stride = round_up(examples, VW);
    // A transposition reads whole blocks: rows are rounded up.
    a.x.emplace_back(round_up(inputs, VW) * a.stride);
    if constexpr (FRONT == WIDE) {
      a.turned = Buffer(a.stride * wide->row);
      a.rows.resize(a.stride);
    }
    for (const Dense& layer : layers) {
      a.transposed.emplace_back(training ? a.stride * round_up(layer.in, VW) : 0);
      a.d.emplace_back(training ? round_up(layer.in, VW) * a.stride : 0);
      a.x.emplace_back(round_up(layer.out, VW) * a.stride);
    }
    return a;
  }

  // From a.x[0], or with a wide layer from a.rows, to the logits a.x.back().
  float* forward(Activations& a) const {
    if constexpr (FRONT == WIDE)
      wide->forward(a.rows.data(), a.x[0], a.turned, a.stride, !layers.empty());
    for (size_t l = 0; l < layers.size(); ++l)
      layers[l].forward(a.x[l], a.x[l + 1], a.stride, l + 1 < layers.size());
    return a.x.back();
  }

  // One step of the optimiser, from the derivative of the logits, which is in a.x.back(). With
  // `inner` the derivative of a.x[0], the outputs of a ReLU, is left in a.d[0]; otherwise
  // a.rows or a.transposed[0] must be filled.
  template <bool Adam>
  void update(Activations& a, const Update& rule, long examples, bool inner) {
    const float* d = a.x.back();
    for (long l = long(layers.size()) - 1; l >= 0; --l) {
      Dense& layer = layers[l];
      bool pass_on = l > 0 || inner || FRONT == WIDE;
      const float* transposed = l == 0 && FRONT == WIDE ? a.turned : a.transposed[l];
      if (pass_on) layer.backward(d, a.x[l], a.d[l], a.stride);
      if (pass_on && transposed != a.turned.at && layer.wants_transposed())
        transpose(a.x[l], a.stride, a.transposed[l], round_up(layer.in, VW),
                  round_up(layer.in, VW), a.stride);
      layer.update<Adam>(rule, d, a.x[l], transposed, examples, a.stride);
      d = a.d[l];
    }
    if constexpr (FRONT == WIDE)
      wide->update<Adam>(rule, d, a.turned, a.rows.data(), examples, a.stride);
  }
};
