"""What a benchmark measures. Importing it imports nothing."""

METRICS = {
    "accuracy": "test accuracy after the last step",
    "accuracy_selected": "test accuracy at the step with the best inner_valid accuracy",
    "nll": "test negative log-likelihood after the last step, nats",
    "area": "mean test accuracy along the learning curve",
    "inner_accuracy": "inner_valid accuracy after the last step",
}
MINIMISED = frozenset({"nll"})
