"""`backprop-find`: what every picture of a folder shows, and where the network looked."""

from experiments.shared.entry import entry

main = entry("find", "train")
