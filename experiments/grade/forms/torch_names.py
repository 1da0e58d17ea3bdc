"""The names of the forwards that torch has (in ../judging), for a process that has not loaded torch."""

NAMES = {
    "affine", "affinerelu", "batchnorm", "batchnorm1d", "batchnorm2d", "celu", "conv", "conv2d", "convolution",
    "convrelu", "descent", "elu", "fc", "gelu", "layernorm", "leakyrelu", "linear", "logsigmoid", "logsoftmax",
    "lrelu", "lstm", "lstmstep", "maxpool", "mish", "relu", "relu6", "rmsnorm", "rnn", "rnnstep", "selu",
    "sigmoid", "silu", "softmaxloss", "softplus", "softsign", "spatialbatchnorm", "spatialgroupnorm", "svmloss",
    "swish", "tanh", "tanhshrink", "temporalaffine", "wordembedding",
}  # fmt: skip


def torch_may_have(name: str) -> bool:
    """Whether torch may have a forward of this name."""
    return name.lower().replace("_", "") in NAMES
