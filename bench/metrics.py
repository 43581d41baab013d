"""What a benchmark measures. Importing it imports nothing."""

METRICS = {
    "accuracy": "test accuracy after the last step",
    "accuracy_selected": "test accuracy at the step with the best inner_valid accuracy",
    "balanced_accuracy": "mean over the classes of the share found on test, after the last step",
    "nll": "test negative log-likelihood after the last step, nats",
    "ece": "expected calibration error on test after the last step, 15 bins",
    "area": "mean test accuracy along the learning curve",
    "inner_accuracy": "inner_valid accuracy after the last step",
}
MINIMISED = frozenset({"nll", "ece"})
