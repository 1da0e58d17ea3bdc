"""Audit PyTorch (`make audit`, half an hour): writes docs/tables/audit.md and reports/audit.json.

It ends with 1 if a gradient of torch is not within what is derived and no finding says why.
"""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from parity_tests.audit.operators import database, name
from parity_tests.audit.table import Audit, page, summary
from parity_tests.audit.workers import judged

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Audit, print the counts, and write the two files."""
    parser = argparse.ArgumentParser(prog="python -m parity_tests.audit", description=__doc__)
    parser.add_argument("operators", nargs="*", help="these alone, by their names; nothing is then written")
    parser.add_argument("--samples", type=int, default=6, help="at most so many of an operator for each dtype")
    parser.add_argument("--limit", type=float, default=60, help="seconds for an operator")
    options = parser.parse_args()
    known = [name(operator) for operator in database()]
    if unknown := {*options.operators} - {*known}:
        parser.error(f"not in torch's database: {', '.join(sorted(unknown))}")
    names = options.operators or known
    audit: Audit = {}
    try:
        for operator, found in tqdm(judged(names, options.samples, options.limit), total=len(names)):
            audit[operator] = found
    except KeyboardInterrupt:
        print(f"interrupted after {len(audit)} of {len(names)} operators", file=sys.stderr)
    if options.operators:
        print(page(audit, len(known)))
    else:
        for path, text in (
            (ROOT / "docs/tables/audit.md", page(audit, len(known))),
            (
                ROOT / "reports/audit.json",
                json.dumps({n: [j.as_dict() for j in f] for n, f in audit.items()}, indent=1),
            ),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    print(*summary(audit, len(known)), sep="\n")
    return int(any(j.outcome == "beyond" and not j.finding for found in audit.values() for j in found))


if __name__ == "__main__":
    raise SystemExit(main())
