// Examples gathered from the pool: rows of float32, or of uint8 with a scale and a shift.
#pragma once

#include "dense.hpp"

struct Pool {
  const void* at;
  long features;
  bool bytes;
  const float *scale, *shift;  // [features], for bytes

  // Rows `index` [count] into to [count, stride]; what lies beyond `features` is left alone.
  void gather(const int64_t* index, long count, float* to, long stride) const {
    if (!bytes) {
      const float* rows = static_cast<const float*>(at);
      for (long b = 0; b < count; ++b)
        std::memcpy(to + b * stride, rows + index[b] * features, features * 4);
      return;
    }
    const uint8_t* rows = static_cast<const uint8_t*>(at);
    for (long b = 0; b < count; ++b)
      convert(rows + index[b] * features, scale, shift, to + b * stride, features);
  }

  // Where the rows `index` [count] lie as numbers: in the pool, or in `room` [count, features].
  void rows(const int64_t* index, long count, float* room, const float** found) const {
    if (bytes) gather(index, count, room, features);
    for (long b = 0; b < count; ++b)
      found[b] = bytes ? room + b * features
                       : static_cast<const float*>(at) + index[b] * features;
  }

 private:
  // As mln.examples.Examples: a product and a sum, each rounded.
#if defined(__clang__)
  static void convert(const uint8_t* row, const float* scale, const float* shift, float* x,
                      long features) {
#pragma clang fp contract(off)
#else
  __attribute__((optimize("fp-contract=off"))) static void convert(
      const uint8_t* row, const float* scale, const float* shift, float* x, long features) {
#endif
    for (long i = 0; i < features; ++i) {
      float product = float(row[i]) * scale[i];
      x[i] = product + shift[i];
    }
  }
};
