"""`backprop-train`: train a network by either implementation, and what a run leaves."""

from experiments.shared.entry import entry

main = entry("train", "train")
