"""The proof of `backprop-train`: what it computes, leaves behind, goes on from and refuses."""
