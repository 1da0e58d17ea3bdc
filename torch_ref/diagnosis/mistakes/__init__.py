"""Wrong formulas that people write, evaluated by the project's own code.

    ACTIVATIONS, PARAMETERS, CONVOLUTION, POOLING, …    (layer, x, δ) → (dx, gradient)        in place of `backward`
    OUTPUTS                                             (layer, x) → y                        in place of `forward`
    LOSSES, COSTS                                       (loss, prediction, target) → delta, or cost and delta
    UPDATES                                             (optimizer, p, g, state)              in place of `update`

Each list grows by one line: what is wrong, and the formula. It runs on every number type, as the right ones do: on
floats to see whether it comes near, and on `Bounded` to prove it. One that cannot be evaluated for a piece (there is
no weight, the shapes do not fit) raises, and does not apply to it. What the project has no layer for is known by its
numbers: known.py.
"""
