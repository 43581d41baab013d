// What this library is built for. Each holds the code of one optimiser and one kind of learner:
// most of the time of a build goes into code that a given rollout would never run.
#pragma once

#if !defined(MLN_ADAM) || !defined(MLN_FRONT)
#error "MLN_ADAM (0 or 1) and MLN_FRONT (NARROW, WIDE or IMAGES) must be defined"
#endif

// What the examples meet first: a layer, a layer with many more inputs than outputs, convolutions.
enum Front { NARROW, WIDE, IMAGES };

constexpr bool MOMENTS = MLN_ADAM;  // Adam or AdamW, which keep a second moment too
constexpr Front FRONT = MLN_FRONT;
