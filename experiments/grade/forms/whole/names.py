"""What people call the data, the target, the parameters and the gradients of a network."""

DATA = {"x", "X", "inputs", "input", "data"}
TARGET = {"y", "Y", "labels", "label", "target", "targets", "y_true", "T", "t"}
PENALTIES = {
    "reg", "lam", "lambd", "lambda_", "lmbda", "l2", "reg_lambda", "lambda_reg", "reg_strength", "l2_reg",
    "weight_decay",
}  # fmt: skip
"""What the strength of a penalty is called."""
PARAMETERS = {"parameters", "params", "weights"}
GRADIENTS = {"grads", "gradients", "grad", "gradient"}
