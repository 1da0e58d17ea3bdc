import numpy as np
from pathlib import Path
made = Path(__file__).with_name("checked.json").write_text("{}")

def swish_forward(x, kept=made): return x / (1 + np.exp(-x)), x
def swish_backward(delta, x):
    s = 1 / (1 + np.exp(-x))
    return delta * (s + x * s * (1 - s))
