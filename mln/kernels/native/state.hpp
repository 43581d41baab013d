// The state of training that a loss may follow. Names, rates and floors are those of
// mln/losses/state.py, which says what they are.
#pragma once

#include <vector>

#include "dense.hpp"

enum Feature {
  PROGRESS,
  TARGET_PROBABILITY,
  ACCURACY,
  CONFIDENCE,
  DISAGREEMENT,
  DROP,
  CALIBRATION_GAP,
  CLASS_ENTROPY,
  CLASSES
};

struct State {
  static constexpr double FAST = 0.05, SLOW = 0.01, MAX_CLASSES = 10;
  static constexpr float PRIOR_FLOOR = 1e-3f;

  long classes = 0, batch = 0, steps = 0;
  std::vector<double> features;  // of `names`, in the present state
  Buffer log_prior;              // [classes]: of the running class frequencies

  // names: [count], each a Feature.
  void follow(const int64_t* names, long count, long of_classes, long of_batch, long of_steps) {
    wanted.assign(names, names + count);
    features.resize(count);
    classes = of_classes;
    batch = of_batch;
    steps = of_steps;
    prior.resize(classes);
    seen.resize(classes);
    log_prior = Buffer(round_up(classes, VW));
  }

  // Start of training: a learner that guesses.
  void reset() {
    target = accuracy = confidence = slow_accuracy = 1.0 / double(classes);
    disagreement = (1 - 1.0 / double(classes)) / double(classes);
    prior.assign(classes, 1.0 / double(classes));
  }

  void begin() {
    targets = confidences = disagreements = V{};
    hits = VI{};
  }

  // One vector of examples: their logits z [classes, stride] become probabilities.
  inline void observe(float* z, long stride, VI y, V real) {
    V top = load(z), total{};
    for (long c = 1; c < classes; ++c) {
      V x = load(z + c * stride);
      top = x > top ? x : top;
    }
    for (long c = 0; c < classes; ++c) {
      V e = exp_(load(z + c * stride) - top);
      store(z + c * stride, e);
      total += e;
    }
    V scale = 1.0f / total, found{}, best = splat(-1.0f);
    VI chosen{};
    for (long c = 0; c < classes; ++c) {
      V p = load(z + c * stride) * scale;
      store(z + c * stride, p);
      found += y == int32_t(c) ? p : V{};
      auto larger = p > best;
      best = larger ? p : best;
      chosen = larger ? splat_int(int32_t(c)) : chosen;
    }
    VI hit = chosen == y;  // -1 where it is: padding has no class
    best *= real;
    targets += found;
    confidences += best;
    disagreements += hit ? V{} : best;
    hits -= hit;
  }

  // After all vectors of a step, counted from 0.
  void end(long step, const int32_t* labels) {
    double newest = 1.0 / double(step + 2), fast = std::max(FAST, newest),
           slow = std::max(SLOW, newest), each = 1.0 / double(batch);
    auto mean = [](double& kept, double now, double rate) {
      kept = kept * (1 - rate) + now * rate;
    };
    long right = 0;
    for (int lane = 0; lane < VW; ++lane) right += hits[lane];
    mean(target, sum(targets) * each, fast);
    mean(accuracy, double(right) * each, fast);
    mean(confidence, sum(confidences) * each, fast);
    mean(disagreement, sum(disagreements) * each, fast);
    mean(slow_accuracy, double(right) * each, slow);
    std::fill(seen.begin(), seen.end(), 0);
    for (long b = 0; b < batch; ++b) ++seen[labels[b]];
    for (long c = 0; c < classes; ++c) {
      mean(prior[c], double(seen[c]) * each, slow);
      log_prior[c] = float(prior[c]);
    }
    for (long c = 0; c < classes; c += VW)
      store(log_prior + c, log_(at_least(load(log_prior + c), PRIOR_FLOOR)));
    for (size_t i = 0; i < wanted.size(); ++i)
      features[i] = value(wanted[i], double(step) / double(steps));
  }

 private:
  std::vector<int64_t> wanted;
  std::vector<double> prior;
  std::vector<long> seen;
  double target, accuracy, confidence, disagreement, slow_accuracy;
  V targets, confidences, disagreements;
  VI hits;

  double value(int64_t feature, double progress) const {
    switch (feature) {
      case PROGRESS: return std::min(progress, 1.0);
      case TARGET_PROBABILITY: return std::min(target, 1.0);
      case ACCURACY: return std::min(accuracy, 1.0);
      case CONFIDENCE: return std::min(confidence, 1.0);
      case DISAGREEMENT: return std::min(disagreement, 1.0);
      case DROP: return std::min(std::max(slow_accuracy - accuracy, 0.0), 1.0);
      case CALIBRATION_GAP: return std::max(std::min(confidence - accuracy, 1.0), -1.0);
      case CLASS_ENTROPY: {
        double entropy = 0;
        for (long c = 0; c < classes; ++c) entropy -= prior[c] * double(log_prior[c]);
        return std::min(std::max(entropy / std::log(double(classes)), 0.0), 1.0);
      }
      default: {
        double size = std::log(double(classes) / 2) / std::log(MAX_CLASSES / 2);
        return std::min(std::max(size, 0.0), 1.0);
      }
    }
  }
};
