// The convolutional part of a learner: blocks of convolutions with ReLU, each with 2x2 pooling
// at its end. A batch is passed through VW examples at a time, so that what lies between two
// layers stays in the cache; the outputs are the linear layers' inputs [features, stride].
#pragma once

#include "conv.hpp"
#include "mlp.hpp"

// What the layers need of one batch again when going backwards.
struct FeatureMaps {
  std::vector<std::vector<Buffer>> x;  // [layer][block]: inputs
  std::vector<std::vector<Buffer>> choice;
};

struct Convolutions {
  std::vector<Conv> layers;
  bool adam;
  std::vector<Buffer> d;  // [layer]: derivative of its inputs, of one block

  Convolutions(long channels, long height, long width, const std::vector<long>& outputs,
               long kernel, long padding, long per_block, bool adam)
      : adam(adam) {
    Image image{channels, height, width, padding};
    for (long out : outputs)
      for (long i = 0; i < per_block; ++i) {
        layers.emplace_back(image, out, kernel, i + 1 == per_block, adam);
        image = layers.back().to;
        image.border = padding;
      }
    for (const Conv& layer : layers) d.emplace_back(layer.from.size());
  }

  const float* set(const float* flat) {
    for (Conv& layer : layers) flat = layer.set(flat, adam);
    return flat;
  }

  float* get(float* flat) const {
    for (const Conv& layer : layers) flat = layer.get(flat);
    return flat;
  }

  long features() const {
    const Image& last = layers.back().to;
    return last.channels * last.height * last.width;
  }

  FeatureMaps room(long stride, bool training) const {
    FeatureMaps maps;
    for (const Conv& layer : layers) {
      maps.x.emplace_back();
      maps.choice.emplace_back();
      for (long block = 0; block < (training ? stride / VW : 1); ++block) {
        maps.x.back().emplace_back(layer.from.size());
        maps.choice.back().emplace_back(training ? layer.to.size() / 4 : 0);
      }
    }
    return maps;
  }

  // One block of VW examples, given as rows [VW, row]. y: where its outputs begin; training: the
  // maps are kept.
  void forward(const float* rows, long row, FeatureMaps& maps, long block, bool training, float* y,
               long stride) const {
    const Image& image = layers[0].from;
    long slot = training ? block : 0;
    float* x = maps.x[0][slot];
    for (long f = 0; f < row; f += VW) {
      V lines[VW];
#pragma GCC unroll 16
      for (int i = 0; i < VW; ++i) lines[i] = load(rows + i * row + f);
      transpose(lines);
      for (long i = f; i < std::min(f + VW, image.channels * image.height * image.width); ++i) {
        long c = i / (image.height * image.width), pixel = i % (image.height * image.width);
        store(x + image.at(c, pixel / image.width, pixel % image.width), lines[i - f]);
      }
    }
    for (size_t l = 0; l < layers.size(); ++l) {
      VB* choice = training ? places(maps, l, slot) : nullptr;
      if (l + 1 < layers.size())
        layers[l].forward(maps.x[l][slot], maps.x[l + 1][slot], layers[l + 1].from, choice);
      else
        layers[l].forward(maps.x[l][slot], y, outputs(stride), choice);
    }
  }

  void begin() {
    for (size_t l = 0; l < layers.size(); ++l) layers[l].begin(l > 0);
  }

  // y, dy: where the block's outputs and their derivatives begin.
  void backward(FeatureMaps& maps, long block, const float* y, float* dy, long stride) {
    for (long l = long(layers.size()) - 1; l >= 0; --l) {
      bool last = l + 1 == long(layers.size());
      layers[l].backward(maps.x[l][block], last ? y : maps.x[l + 1][block], last ? dy : d[l + 1],
                         last ? outputs(stride) : layers[l + 1].from, places(maps, l, block),
                         l > 0 ? d[l].at : nullptr);
    }
  }

  template <bool Adam>
  void update(const Update& rule) {
    for (Conv& layer : layers) layer.update<Adam>(rule);
  }

 private:
  Image outputs(long stride) const {
    Image image = layers.back().to;
    image.pixel = stride;
    return image;
  }

  static VB* places(FeatureMaps& maps, long layer, long block) {
    return reinterpret_cast<VB*>(maps.choice[layer][block].at);
  }
};
