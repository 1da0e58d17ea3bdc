import numpy as np
class Last:
    def __del__(self):
        try: raise KeyError
        except KeyError as e: e.__traceback__.tb_frame
def swish_forward(x): return x / (1 + np.exp(-x)), x
def swish_backward(delta, x):
    Last()
    s = 1 / (1 + np.exp(-x))
    return delta * (s + x * s * (1 - s))
