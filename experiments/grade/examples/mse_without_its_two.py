"""A loss by the contract. The 2 of the squared difference is missing from its gradient."""

from manual import Loss


class MSELoss(Loss):
    def forward(self, prediction, target):
        u = prediction - target
        return (u * u).mean(), u

    def backward(self, u):
        return u / u.size
