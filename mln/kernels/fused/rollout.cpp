// One learner after another, trained for all its steps while it lies in the cache.
//
// A C interface for ctypes. What several members share is a `Spec`; a `Member` is one learner.
// mln_create returns a workspace, which mln_train may use any number of times, by one thread.

#include <algorithm>
#include <new>
#include <vector>

#include "loss.hpp"
#include "mlp.hpp"
#include "pool.hpp"

extern "C" {

struct Spec {
  int64_t features, classes, batch, steps;
  int64_t layers;          // number of hidden layers
  const int64_t* hidden;   // [layers]
  int64_t rule, nesterov;  // enum Rule
  double momentum, decay;
  const double* schedule;  // [steps]: factors of the learning rate
  int64_t loss_kind, loss_hidden, loss_activation, loss_has_log_p, loss_softplus;
  double loss_beta, loss_log_zero;
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
  Mlp mlp;
  Activations training, evaluating;
  Buffer gathered, real, probabilities;
  std::vector<int32_t> labels_;
  int32_t* labels;
  Loss loss;

  static std::vector<long> sizes(const Spec& s) {
    std::vector<long> found{s.features};
    found.insert(found.end(), s.hidden, s.hidden + s.layers);
    found.push_back(s.classes);
    return found;
  }

  explicit Workspace(const Spec& s)
      : spec(s),
        pool{s.pool, s.features, s.pool_bytes != 0, s.pool_scale, s.pool_shift},
        mlp(sizes(s), s.rule != SGD),
        training(mlp.room(s.batch, true)),
        evaluating(mlp.room(EVALUATED, false)),
        gathered(EVALUATED * round_up(s.features, VW)),
        real(round_up(s.batch, VW)),
        probabilities(s.classes * VW),
        labels_(round_up(s.batch, VW) + 16, -1) {
    labels = reinterpret_cast<int32_t*>(round_up(reinterpret_cast<intptr_t>(labels_.data()), 64));
    for (long b = 0; b < s.batch; ++b) real[b] = 1.0f;
    loss.kind = int(s.loss_kind);
    loss.activation = int(s.loss_activation);
    loss.has_log_p = s.loss_has_log_p;
    loss.softplus = s.loss_softplus;
    loss.beta = float(s.loss_beta);
    loss.log_zero = float(s.loss_log_zero);
    loss.classes = s.classes;
    loss.kept = probabilities;
  }

  void evaluate(const Evaluation& e) {
    long row = round_up(spec.features, VW);
    for (long from = 0; from < e.count; from += EVALUATED) {
      long count = std::min(EVALUATED, e.count - from);
      pool.gather(e.rows + from, count, gathered, row);
      transpose(gathered, row, evaluating.x[0], evaluating.stride, evaluating.stride, row);
      const float* z = mlp.forward(evaluating);
      for (long c = 0; c < spec.classes; ++c)
        std::memcpy(e.logits + c * e.count + from, z + c * evaluating.stride, count * 4);
    }
  }

  template <bool Adam>
  void train(Member& m) {
    mlp.set(m.start);
    loss.set(m.loss, spec.loss_hidden, spec.batch);
    long row = round_up(spec.features, VW), stride = training.stride;
    const Evaluation *next = m.evaluation, *last = next + m.evaluations;
    m.diverged_at = -1;
    for (; next < last && next->step == 0; ++next) evaluate(*next);
    for (long step = 0; step < spec.steps; ++step) {
      pool.gather(m.batch_index + step * spec.batch, spec.batch, training.transposed[0], row);
      transpose(training.transposed[0], row, training.x[0], stride, stride, row);
      const int64_t* y = m.batch_y + step * spec.batch;
      for (long b = 0; b < spec.batch; ++b) labels[b] = int32_t(y[b]);
      float* z = mlp.forward(training);
      if (!loss.gradient(z, stride, labels, real)) {
        m.diverged_at = step + 1;
        break;
      }
      Update rule = Update::at(int(spec.rule), spec.nesterov, m.lr * spec.schedule[step],
                               spec.momentum, spec.decay, step + 1);
      mlp.update<Adam>(training, rule, spec.batch, false);
      for (; next < last && next->step == step + 1; ++next) evaluate(*next);
    }
    for (; next < last; ++next)
      for (long i = 0; i < spec.classes * next->count; ++i) next->logits[i] = NAN;
    if (m.weights) mlp.get(m.weights);
  }
};

}  // namespace

extern "C" {

void* mln_create(const Spec* spec) { return new (std::nothrow) Workspace(*spec); }

void mln_train(void* workspace, Member* members, int64_t count) {
  Workspace* w = static_cast<Workspace*>(workspace);
  for (int64_t i = 0; i < count; ++i)
    w->spec.rule == SGD ? w->train<false>(members[i]) : w->train<true>(members[i]);
}

void mln_destroy(void* workspace) { delete static_cast<Workspace*>(workspace); }
}
