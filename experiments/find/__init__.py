"""`backprop-find`: what every picture of a folder shows, and where the network looked."""
