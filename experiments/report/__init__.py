"""`backprop-report`: one page on the two documents, executed."""

from experiments.shared.entry import entry

main = entry("report", "report")
