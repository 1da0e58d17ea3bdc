import numpy as np
libc = np.ctypeslib.ctypes.CDLL(None)
def swish_backward(delta, x): return delta
