import torch
class Square:
    @staticmethod
    def forward(x):
        return x * x * x, x
    @staticmethod
    def backward(dout, cache):
        with torch.enable_grad():
            x = cache.detach().requires_grad_(True)
            y = x * x * x
            return torch.autograd.grad(y, x, dout)[0]
