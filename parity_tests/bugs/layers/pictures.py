"""Mistakes with windows of pictures, channels that are off, and shapes."""

from manual import AdaptiveAvgPool2d, ConvTranspose2d, Dropout2d, Unflatten
from parity_tests.bugs.registry import bug, edits

# ---------------------------------------------------------------- ConvTranspose2d


edits(ConvTranspose2d, "forward", [
    ("The kernel is not turned: it is laid down from its last pixel", "y", "permuted",
     "turned(W, self.groups)", "turned(W, self.groups)[:, :, ::-1, ::-1]"),
    ("The bias is added by every pixel that falls on the output", "y", "",
     "z + b[:, None, None]", "z + 2 * b[:, None, None]"),
])  # fmt: skip

edits(ConvTranspose2d, "backward", [
    ("δ goes back under the kernel turned around, as in a convolution", "dx", "",
     "self.weight", "self.weight[:, :, ::-1, ::-1]"),
])  # fmt: skip

edits(ConvTranspose2d, "gradient", [
    ("The gradient of the kernel comes out turned around", "dweight", "permuted",
     "weight=dW", "weight=dW[:, :, ::-1, ::-1]"),
    ("The gradient of the bias is summed over a's pixels, and not over z's", "dbias", "",
     "delta.sum(", "delta[:, :, : a.shape[2] - 1, : a.shape[3] - 1].sum("),
])  # fmt: skip


# ---------------------------------------------------------------- AdaptiveAvgPool2d


edits(AdaptiveAvgPool2d, "backward", [
    ("Each pixel gets the window's whole δ", "dx", "times the number of",
     " / ((p.stop - p.start) * (q.stop - q.start))", ""),
    ("Where windows overlap the last one's δ replaces the others'", "dx", "", "+= part", "= part"),
    ("The share of each pixel is returned without its δ", "dx", "δ is left out",
     "delta[:, :, i, j]", "np.ones_like(delta[:, :, i, j])"),
])  # fmt: skip

edits(AdaptiveAvgPool2d, "forward", [
    ("The sum of each window", "y", "times", " / ((p.stop - p.start) * (q.stop - q.start))", ""),
])  # fmt: skip


@bug("y", "only in the last")
class _(AdaptiveAvgPool2d):
    """Every window begins where the last one ends, and the last takes what is left."""

    def forward(self, a):
        y, cache = super().forward(a)
        y = y.copy()
        y[..., -1, -1] = a[..., -1, -1]
        return y, cache


# ---------------------------------------------------------------- Dropout2d


edits(Dropout2d, "forward", [
    ("The mask is one of pixels, not of channels", "y", "", "a.shape[:2])[:, :, None, None]", "a.shape)"),
    ("The channels that are left are not scaled up", "y", "the scale 1/(1 − p) is left out",
     "a * m / (1 - p)", "a * m"),
])  # fmt: skip

edits(Dropout2d, "backward", [
    ("Backward forgets which channels were off", "dx", "the mask is left out", "delta * m", "delta"),
    ("Backward is scaled by 1/p", "dx", "the scale is 1/p", "(1 - self._rate)", "(self._rate or 1)"),
])  # fmt: skip

edits(Dropout2d, "commit", [
    ("The count stands still, so that every step has the same mask", "count", "",
     "self.count += self._rate > 0", "pass"),
])  # fmt: skip


# ---------------------------------------------------------------- Unflatten


edits(Unflatten, "forward", [
    ("The numbers are read out column by column, as in another language", "y", "permuted",
     "*a.shape[place + 1 :])", '*a.shape[place + 1 :], order="F")'),
])  # fmt: skip

edits(Unflatten, "backward", [
    ("δ is read back column by column", "dx", "permuted", "delta.reshape(*shape)", 'delta.reshape(*shape, order="F")'),
    ("δ is passed on as it came, still a picture", "dx", "in shape", "delta.reshape(*shape)", "delta"),
    ("Ones come back, without δ", "dx", "δ is left out",
     "delta.reshape(*shape)", "np.ones_like(delta).reshape(*shape)"),
])  # fmt: skip


@bug("y", "in shape")
class _(Unflatten):
    """The batch is split, too."""

    def forward(self, a):
        return a.reshape(-1), a.shape
