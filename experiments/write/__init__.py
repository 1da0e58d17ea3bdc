"""`backprop-write`: what a language model writes on."""

from experiments.shared.entry import entry

main = entry("write", "train")
