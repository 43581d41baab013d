// Interpolation at the Chebyshev nodes of [-1/2, 1/2] by a polynomial of degree 5.
#pragma once

#include <cmath>

constexpr int NODES = 6;

struct Chebyshev {
  double at[NODES];
  double matrix[NODES][NODES];  // from values at the nodes to coefficients of 1, f, f^2, ...

  Chebyshev() {
    for (int i = 0; i < NODES; ++i) at[i] = 0.5 * std::cos((2 * i + 1) * M_PI / (2 * NODES));
    // Column i: the product of (f - at[k]) / (at[i] - at[k]) over all k but i.
    for (int i = 0; i < NODES; ++i) {
      double power[NODES] = {1};
      for (int k = 0; k < NODES; ++k) {
        if (k == i) continue;
        double divisor = at[i] - at[k];
        for (int j = NODES - 1; j >= 0; --j)
          power[j] = ((j > 0 ? power[j - 1] : 0) - at[k] * power[j]) / divisor;
      }
      for (int j = 0; j < NODES; ++j) matrix[j][i] = power[j];
    }
  }

  template <class T>
  void powers(const T* values, T* found) const {
    for (int j = 0; j < NODES; ++j) {
      double total = 0;
      for (int i = 0; i < NODES; ++i) total += matrix[j][i] * values[i];
      found[j] = T(total);
    }
  }
};
