"""Does a test notice every change of the hand-written code? mutmut makes the changes (`make mutants`, some two hours).

A change that no test notices must be argued for, in `survivors.toml`: the function, the line that replaces its line,
and why. It ends with 1 where a survivor is not argued for, an argument has no survivor, or a file has no mutant.
"""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOTICED = ("killed", "timeout")


def mutmut(*arguments: str) -> str:
    """What mutmut prints."""
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout


def replaced(mutant: str) -> str:
    """The line that a mutant puts in place of another."""
    lines = re.findall(r"^\+(?!\+\+)\s*(.*)$", mutmut("show", mutant), re.MULTILINE)
    return lines[0] if lines else ""


def alike(text: str, pattern: str) -> bool:
    """Whether a text is a pattern's, in which * stands for anything, and nothing else for anything but itself."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


def main() -> int:
    subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "1"], cwd=ROOT, check=False)
    verdicts = dict(re.findall(r"^\s*(\S+): (\w[\w ]*)$", mutmut("results", "--all", "true"), re.MULTILINE))
    argued = tomllib.loads((Path(__file__).with_name("survivors.toml")).read_text("utf-8"))["survivor"]
    used, failed = set(), False
    for mutant, verdict in verdicts.items():
        if verdict in NOTICED:
            continue
        line = replaced(mutant)
        reasons = [i for i, a in enumerate(argued) if alike(mutant, a["mutant"]) and alike(line, a.get("line", "*"))]
        used |= {*reasons}
        if not reasons:
            failed = True
            print(f"not argued for: {mutant} ({verdict}): {line}")
    for i in {*range(len(argued))} - used:
        failed = True
        print(f"argued for, but no survivor: {argued[i]}")
    files = Counter(mutant.rpartition(".")[0] for mutant in verdicts)
    survived = Counter(mutant.rpartition(".")[0] for mutant, verdict in verdicts.items() if verdict not in NOTICED)
    for path in sorted((ROOT / "manual").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if path.name == "__init__.py":
            continue
        print(f"{module:40} {files[module]:5} mutants, {files[module] - survived[module]:5} killed")
        failed |= not files[module]
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
