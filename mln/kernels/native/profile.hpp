// The derivative of an evolved loss as a function of log p alone, from a table.
//
// A member's loss does not change while it trains, and a class enters it with p and y only: its
// derivative is two functions of one variable, one for y = 0 and one for y = 1. On intervals of
// log p they are polynomials, each made when it is first wanted and compared with the network
// between its nodes. Where they differ by more than the rounding of the network's own sum, the
// network is asked. A network of 32 units takes ten times as long as a lookup.
#pragma once

#include "dense.hpp"
#include "network.hpp"

struct Profile {
  static constexpr long INTERVALS = 960, PER_UNIT = 16;  // log p from -60 to 0
  static constexpr long WIDTH = 8;                       // coefficients, state, padding
  static constexpr int STATE = NODES;
  static constexpr int32_t GOOD = 0, UNKNOWN = 1, USELESS = 2;

  bool used = false;

  // evaluations: vectors that will be asked for; for a few a table does not pay.
  void set(const Network* of, double evaluations) {
    network = of;
    double steepest = 0, total = 0;
    for (const Unit& unit : of->units) {
      double slope = std::abs(double(unit.log_p)) + std::abs(double(unit.p));
      steepest = std::max(steepest, of->plain_tanh() ? slope / SLOPE_SCALE : slope);
      total += std::abs(double(unit.back_log_p)) + std::abs(double(unit.back_p));
    }
    // Steeper units could hide between the nodes. ReLU has steps, no polynomial.
    used = VW >= WIDTH && evaluations >= 256 && of->units.size() >= 8 &&
           of->activation != RELU && steepest <= PER_UNIT;
    if (!used) return;
    tolerance = float(5e-7 * total);
    if (!table) table = Buffer((2 * INTERVALS + 2) * WIDTH);
    int32_t* states = reinterpret_cast<int32_t*>(row(0)) + STATE;
    for (long i = 0; i < 2 * INTERVALS; ++i) states[i * WIDTH] = UNKNOWN;
  }

  // See Network::derivative.
  inline V derivative(V log_p, V p, VI mine) {
    V s = at_most(log_p * float(-PER_UNIT), float(INTERVALS) - 0.001f);
    VI interval = __builtin_convertvector(s, VI);
    V f = s - __builtin_convertvector(interval, V) - 0.5f;
    interval = mine ? interval + int32_t(INTERVALS) : interval;
    V found[WIDTH];
    read(interval, found);
    VI state = as_int(found[STATE]);
    if (__builtin_expect(any(state), 0)) {
      for (int lane = 0; lane < VW; ++lane)
        if (state[lane] == UNKNOWN) make(interval[lane]);
      read(interval, found);
      state = as_int(found[STATE]);
    }
    V y = found[NODES - 1];
#pragma GCC unroll 5
    for (int j = NODES - 2; j >= 0; --j) y = y * f + found[j];
    y = network->has_log_p ? (p > P_FLOOR ? y : V{}) : y * p;
    if (__builtin_expect(any(state), 0)) {
      V exact = network->derivative(log_p, p, mine);
      y = state != GOOD ? exact : y;
    }
    return y;
  }

 private:
  const Network* network = nullptr;
  Buffer table;  // [y, interval, WIDTH], and a row more at both ends
  Chebyshev nodes;
  float tolerance;

  float* row(long interval) const { return table + (interval + 1) * WIDTH; }

  static bool any(VI state) {
#if VW == 16 && !defined(__clang__)
    typedef int Same __attribute__((vector_size(64)));
    return __builtin_ia32_ptestmd512((Same)state, (Same)state, 0xffff) != 0;
#else
    int32_t all = 0;
    for (int lane = 0; lane < VW; ++lane) all |= state[lane];
    return all != 0;
#endif
  }

  // found[j][lane] = row(interval[lane])[j]
  inline void read(VI interval, V* found) const {
    alignas(64) int32_t at[VW];
    *reinterpret_cast<VI*>(at) = interval;
#pragma GCC unroll 8
    for (int i = 0; i < WIDTH; ++i) {
      typedef float Loose __attribute__((vector_size(VW * 4), aligned(4), may_alias));
#if VW == 16
      V low = *reinterpret_cast<const Loose*>(row(at[i]));
      V high = *reinterpret_cast<const Loose*>(row(at[i + 8]) - WIDTH);
      found[i] = PICK(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31);
#else
      found[i] = *reinterpret_cast<const Loose*>(row(at[i % VW]));
#endif
    }
    if constexpr (VW >= WIDTH) transpose_rows(found);
  }

  static inline void transpose_rows(V* rows) {
    stage<4>(rows);
    stage<2>(rows);
    stage<1>(rows);
  }

  template <int S>
  static inline void stage(V* rows) {
#if VW >= 8
#pragma GCC unroll 8
    for (int i = 0; i < WIDTH; ++i)
      if (!(i & S)) exchange<S>(rows[i], rows[i + S]);
#endif
  }

  // The polynomials of an interval and, where vectors are long enough, of its neighbour.
  __attribute__((noinline)) void make(long interval) {
    constexpr long together = VW / WIDTH > 0 ? VW / WIDTH : 1;
    interval -= interval % together;
    if (reinterpret_cast<int32_t*>(row(interval))[STATE] != UNKNOWN) return;
    bool mine = interval >= INTERVALS;
    V f{}, log_p{};
    for (int lane = 0; lane < VW; ++lane) {
      int i = lane % WIDTH;
      f[lane] = float(i < NODES ? nodes.at[i] : i == NODES ? 0.25 : -0.433);
      long own = (interval - (mine ? INTERVALS : 0)) + lane / WIDTH;
      log_p[lane] = float(-(own + 0.5 + double(f[lane])) / PER_UNIT);
    }
    V p = exp_(log_p);
    V wanted = network->derivative(log_p, p, mine ? splat_int(-1) : VI{});
    if (!network->has_log_p) wanted = wanted / p;
    for (long k = 0; k < together; ++k) {
      float values[WIDTH], *own = row(interval + k);
      for (long i = 0; i < WIDTH; ++i) values[i] = wanted[k * WIDTH + i];
      nodes.powers(values, own);
      int32_t state = GOOD;
      for (long i = NODES; i < WIDTH; ++i) {
        float y = own[NODES - 1];
        for (int j = NODES - 2; j >= 0; --j) y = y * f[i] + own[j];
        if (!(std::abs(y - values[i]) <= tolerance)) state = USELESS;
      }
      reinterpret_cast<int32_t*>(own)[STATE] = state;
    }
  }
};
