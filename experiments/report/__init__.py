"""`backprop-report`: one page on the two documents, executed."""
