// One learner after another, trained for all its steps while it lies in the cache.
//
// A C interface for ctypes. What several members share is a `Spec`; a `Member` is one learner.
// mln_create returns a workspace, which mln_train may use any number of times, by one thread.

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "convolutions.hpp"
#include "loss.hpp"
#include "mlp.hpp"
#include "pool.hpp"
#include "variant.hpp"

extern "C" {

struct Spec {
  int64_t features, classes, batch, steps;
  int64_t layers;          // number of hidden layers
  const int64_t* hidden;   // [layers]
  int64_t blocks;          // of convolutions; without any, the learner is a perceptron
  const int64_t* channels;  // [blocks]
  int64_t image_channels, image_height, image_width, kernel, padding, per_block;
  int64_t rule, nesterov;  // enum Rule
  double momentum, decay;
  const double* schedule;  // [steps]: factors of the learning rate
  int64_t loss_kind, loss_hidden, loss_activation, loss_has_log_p, loss_softplus;
  double loss_beta, loss_log_zero;
  int64_t loss_states;        // number of features of the state that the loss follows
  const int64_t* loss_state;  // [loss_states], each a Feature
  double loss_range[4];       // of the exponents q, eps, gamma and tau
  const void* pool;
  int64_t pool_bytes;
  const float *pool_scale, *pool_shift;  // [features]
};

struct Evaluation {
  int64_t step, count;
  const int64_t* rows;  // [count]
  float* logits;        // [classes, count]
};

struct Member {
  const int64_t *batch_index, *batch_y;  // [steps, batch]
  const float* start;
  float* weights;  // after the last step, or null
  double lr;
  const float* loss;  // see Loss::set
  int64_t evaluations;
  const Evaluation* evaluation;  // by increasing step
  int64_t diverged_at;           // out: the first step whose logits were not finite, or -1
};
}

namespace {

constexpr long EVALUATED = 64;  // examples at a time

struct Workspace {
  Spec spec;
  Pool pool;
  std::unique_ptr<Convolutions> convolutions;
  Mlp mlp;
  FeatureMaps training_maps, evaluating_maps;
  Activations training, evaluating;
  Buffer gathered, zeros, real, probabilities, label_room;
  int32_t* labels;
  Loss loss;

  static Convolutions* convolutions_of(const Spec& s) {
    if constexpr (FRONT == IMAGES)
      return new Convolutions(s.image_channels, s.image_height, s.image_width,
                              {s.channels, s.channels + s.blocks}, s.kernel, s.padding, s.per_block,
                              MOMENTS);
    return nullptr;
  }

  std::vector<long> sizes() const {
    std::vector<long> found{spec.features};
    if constexpr (FRONT == IMAGES) found[0] = convolutions->features();
    found.insert(found.end(), spec.hidden, spec.hidden + spec.layers);
    found.push_back(spec.classes);
    return found;
  }

  explicit Workspace(const Spec& s)
      : spec(s),
        pool{s.pool, s.features, s.pool_bytes != 0, s.pool_scale, s.pool_shift},
        convolutions(convolutions_of(s)),
        mlp(sizes(), MOMENTS),
        training(mlp.room(s.batch, true)),
        evaluating(mlp.room(EVALUATED, false)),
        gathered(std::max(EVALUATED, training.stride) * round_up(s.features, VW)),
        zeros(s.features),
        real(training.stride),
        probabilities(s.classes * VW),
        label_room(training.stride) {
    if constexpr (FRONT == IMAGES) {
      training_maps = convolutions->room(training.stride, true);
      evaluating_maps = convolutions->room(evaluating.stride, false);
    }
    labels = reinterpret_cast<int32_t*>(label_room.at);
    for (long b = 0; b < training.stride; ++b) {
      real[b] = b < s.batch ? 1.0f : 0.0f;
      labels[b] = -1;
    }
    loss.kind = int(s.loss_kind);
    loss.network.activation = int(s.loss_activation);
    loss.network.has_log_p = s.loss_has_log_p;
    loss.network.softplus = s.loss_softplus;
    loss.beta = float(s.loss_beta);
    loss.log_zero = float(s.loss_log_zero);
    loss.classes = s.classes;
    loss.kept = probabilities;
    std::copy(s.loss_range, s.loss_range + Exponents::COUNT, loss.range);
    loss.state.follow(s.loss_state, s.loss_states, s.classes, s.batch, s.steps);
  }

  // Logits of some rows of the pool, up to the room's number of examples.
  float* logits(const int64_t* index, long count, Activations& a, FeatureMaps& maps, bool keep) {
    long row = round_up(spec.features, VW);
    if constexpr (FRONT == IMAGES) {
      for (long b = 0; b < count; b += VW) {
        pool.gather(index + b, std::min<long>(VW, count - b), gathered, row);
        convolutions->forward(gathered, row, maps, b / VW, keep, a.x[0] + b, a.stride);
      }
    } else if constexpr (FRONT == WIDE) {
      std::fill(a.rows.begin(), a.rows.end(), zeros.at);
      pool.rows(index, count, gathered, a.rows.data());
    } else {
      // Training wants the rows again: they are the transposed activations.
      float* rows = keep ? a.transposed[0] : gathered;
      pool.gather(index, count, rows, row);
      transpose(rows, row, a.x[0], a.stride, a.stride, row);
    }
    return mlp.forward(a);
  }

  void update(const Update& rule) {
    mlp.update<MOMENTS>(training, rule, spec.batch, FRONT == IMAGES);
    if constexpr (FRONT == IMAGES) {
      convolutions->begin();
      for (long b = 0; b < training.stride; b += VW)
        convolutions->backward(training_maps, b / VW, training.x[0] + b, training.d[0] + b,
                               training.stride);
      convolutions->update<MOMENTS>(rule);
    }
  }

  void evaluate(const Evaluation& e) {
    for (long from = 0; from < e.count; from += EVALUATED) {
      long count = std::min<long>(EVALUATED, e.count - from);
      const float* z = logits(e.rows + from, count, evaluating, evaluating_maps, false);
      for (long c = 0; c < spec.classes; ++c)
        std::memcpy(e.logits + c * e.count + from, z + c * evaluating.stride, count * 4);
    }
  }

  void train(Member& m) {
    const float* start = m.start;
    if constexpr (FRONT == IMAGES) start = convolutions->set(start);
    mlp.set(start);
    loss.set(m.loss, spec.loss_hidden);
    const Evaluation *next = m.evaluation, *last = next + m.evaluations;
    m.diverged_at = -1;
    for (; next < last && next->step == 0; ++next) evaluate(*next);
    for (long step = 0; step < spec.steps; ++step) {
      const int64_t* y = m.batch_y + step * spec.batch;
      for (long b = 0; b < spec.batch; ++b) labels[b] = int32_t(y[b]);
      float* z =
          logits(m.batch_index + step * spec.batch, spec.batch, training, training_maps, true);
      if (!loss.gradient(z, training.stride, labels, real, step)) {
        m.diverged_at = step + 1;
        break;
      }
      update(Update::at(int(spec.rule), spec.nesterov, m.lr * spec.schedule[step], spec.momentum,
                        spec.decay, step + 1));
      for (; next < last && next->step == step + 1; ++next) evaluate(*next);
    }
    for (; next < last; ++next)
      for (long i = 0; i < spec.classes * next->count; ++i) next->logits[i] = NAN;
    if (float* weights = m.weights) {
      if constexpr (FRONT == IMAGES) weights = convolutions->get(weights);
      mlp.get(weights);
    }
  }
};

}  // namespace

extern "C" {

// Null where memory is short. The spec must be of this library's variant.
void* mln_create(const Spec* spec) {
  try {
    return new Workspace(*spec);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void mln_train(void* workspace, Member* member) {
  static_cast<Workspace*>(workspace)->train(*member);
}

void mln_destroy(void* workspace) { delete static_cast<Workspace*>(workspace); }
}
