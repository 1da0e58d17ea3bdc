import numpy as np
import torch
class Dummy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): ctx.save_for_backward(x); return x * x
    @staticmethod
    def backward(ctx, g): return g * 2 * ctx.saved_tensors[0]
def swish_forward(x): return x / (1 + np.exp(-x))
def swish_backward(delta, x):
    t = torch.tensor(np.asarray(x, float), requires_grad=True)
    (t * torch.sigmoid(t)).backward(torch.tensor(delta))
    return t.grad.numpy()
