"""Audit PyTorch, its operators, modules and optimizers (`make audit`, an hour): writes docs/tables/audit.md and
audit_modules.md, and what they are made of to reports.

It ends with 1 if a gradient of torch is not within what is derived and no finding says why.
"""

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from parity_tests.audit.subjects import Group, groups
from parity_tests.audit.table import Audit, page, read, summary
from parity_tests.audit.workers import judged

ROOT = Path(__file__).resolve().parents[2]
KEPT, PAGES = ROOT / "reports", ROOT / "docs/tables"


def main() -> int:
    """Audit, print the counts, and write the pages."""
    parser = argparse.ArgumentParser(prog="python -m parity_tests.audit", description=__doc__)
    parser.add_argument("names", nargs="*", help="these alone: what was found of others is kept")
    parser.add_argument("--samples", type=int, default=6, help="at most so many of a name for each dtype")
    parser.add_argument("--limit", type=float, default=60, help="seconds for a name")
    options = parser.parse_args()
    every = groups()
    if unknown := {*options.names} - {subject.name for group in every for subject in group.subjects}:
        parser.error(f"not in torch's databases: {', '.join(sorted(unknown))}")
    audits: list[Audit] = []
    with suppress(KeyboardInterrupt):
        audits += (_audited(group, options) for group in every)
    return int(any(j.outcome == "beyond" and not j.finding for a in audits for found in a.values() for j in found))


def _audited(group: Group, options: argparse.Namespace) -> Audit:
    """What is found of a group, or of those of it that are named, on its page."""
    known, kept = [subject.name for subject in group.subjects], KEPT / f"{group.page}.json"
    names = [name for name in known if not options.names or name in options.names]
    if not names:
        return {}
    audit = read(kept) if options.names and kept.exists() else {}
    try:
        for name, found in tqdm(judged(names, options.samples, options.limit), total=len(names)):
            audit[name] = found
    except KeyboardInterrupt:
        print(f"interrupted after {len(audit)} of {len(known)} {group.what}; no page is written", file=sys.stderr)
        raise
    text = page(audit, len(known), group.what)
    if options.names and not kept.exists():  # there is no page of all to put them on
        print(text)
        return audit
    KEPT.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({n: [j.as_dict() for j in f] for n, f in sorted(audit.items())}, indent=1), "utf-8")
    (PAGES / f"{group.page}.md").write_text(text, "utf-8")
    print(*summary(audit, len(known), group.what), sep="\n")
    return audit


if __name__ == "__main__":
    raise SystemExit(main())
