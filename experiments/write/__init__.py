"""`backprop-write`: a language model continues a text."""

from experiments.shared.entry import entry

main = entry("write", "train")
