"""Records of few comparisons, as `report.json` holds them."""

from experiments.report.record.json_record import Record
from experiments.report.record.survey import Row
from torch_ref import Comparison, Parity


def compared(quantity="y", ratio=0.25, verdict="agrees", place="Linear(3, 4)", shape=(5, 4)):
    return Comparison(place, quantity, "float64", shape, 2.0**-50, ratio, verdict)


def record(*comparisons, device="cpu", subject="Linear", made=None, results=(), speeds=()):
    rows = [Row("layer", subject, "float64", Parity(device, [*comparisons]))]
    return Record(made or {"Made": "2030-01-01 00:00 UTC"}, rows, [*results], [*speeds])
