"""Audit PyTorch, its operators, modules and optimizers (`make audit`, an hour): writes docs/tables/audit.md and
reports/audit.json.

It ends with 1 if a gradient of torch is not within what is derived and no finding says why.
"""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from parity_tests.audit.subjects import subjects
from parity_tests.audit.table import page, read, summary
from parity_tests.audit.workers import judged

ROOT = Path(__file__).resolve().parents[2]
KEPT, PAGE = ROOT / "reports/audit.json", ROOT / "docs/tables/audit.md"


def main() -> int:
    """Audit, print the counts, and write the two files."""
    parser = argparse.ArgumentParser(prog="python -m parity_tests.audit", description=__doc__)
    parser.add_argument("operators", nargs="*", help="these alone, by their names: what was found of others is kept")
    parser.add_argument("--samples", type=int, default=6, help="at most so many of an operator for each dtype")
    parser.add_argument("--limit", type=float, default=60, help="seconds for an operator")
    options = parser.parse_args()
    known = [subject.name for subject in subjects()]
    if unknown := {*options.operators} - {*known}:
        parser.error(f"not in torch's database: {', '.join(sorted(unknown))}")
    names = options.operators or known
    audit = read(KEPT) if options.operators and KEPT.exists() else {}
    try:
        for operator, found in tqdm(judged(names, options.samples, options.limit), total=len(names)):
            audit[operator] = found
    except KeyboardInterrupt:
        print(f"interrupted after {len(audit)} of {len(known)} operators", file=sys.stderr)
    if options.operators and not KEPT.exists():  # there is no page of all to put them on
        print(page(audit, len(known)))
        return 0
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps({n: [j.as_dict() for j in f] for n, f in sorted(audit.items())}, indent=1), "utf-8")
    PAGE.write_text(page(audit, len(known)), "utf-8")
    print(*summary(audit, len(known)), sep="\n")
    return int(any(j.outcome == "beyond" and not j.finding for found in audit.values() for j in found))


if __name__ == "__main__":
    raise SystemExit(main())
