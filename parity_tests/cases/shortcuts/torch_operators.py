import torch
def sigmoid_forward(x):
    y = torch.sigmoid(x)
    return y, y
def sigmoid_backward(dout, cache):
    return torch.ops.aten.sigmoid_backward(dout, cache)
