"""One piece or network against its twin in torch, and the verdict."""
