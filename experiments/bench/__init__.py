"""`backprop-bench`: how long a training step takes, by hand and in torch."""

from experiments.shared.entry import entry

main = entry("bench", "bench")
