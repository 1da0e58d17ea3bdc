import numpy as np
def scale_forward(x, p):
    if p["mode"] == "train":
        p["seen"] = p.get("seen", 0) + 1
    return p["k"] * x * p["seen"], p
def scale_backward(dout, p):
    return dout * p["k"] * p["seen"], None
def examples(rng):
    yield rng.standard_normal((4, 3)), {"mode": "train", "k": 3}
