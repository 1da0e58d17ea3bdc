"""The same SVG in a third of the bytes: a page with sixty figures is a file that one can keep."""

import re
from collections import Counter

TEXT_SIZE = "9px"
"""The size of a figure's text that the style sheet sets, and enlarges on a narrow screen."""


def compact(svg: str) -> str:
    """A picture of matplotlib's without unused ids, empty groups, unseen backgrounds, and digits finer than a screen.

    What the style sheet says of every figure is left out: the font and its common size.
    """
    svg = shared(svg)
    used = list(dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', svg)))
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{used.index(found[1])}"' if found[1] in used else "", svg)
    svg = re.sub(r'((?:href="|url\()#)([^")]+)', lambda found: f"{found[1]}{used.index(found[2])}", svg)
    svg = re.sub(r'<path d="[^"]+" style="fill: none"/>| transform="rotate\(-0 [^"]+"|<defs></defs>', "", svg)
    svg = re.sub(r'\b(x|y|width|height)="[^"]+"', lambda found: numbers(found[0]), svg)
    svg = re.sub(r'style="[^"]+"', lambda found: re.sub(r"([;:]) ", r"\1", found[0]), svg)
    svg = re.sub(rf"stroke-dashoffset:0;|font-size:{TEXT_SIZE};|font-family:[^;\"]*;?", "", svg)
    return ungrouped(re.sub(r">\s+<", "><", svg))


def shared(svg: str) -> str:
    """The same picture with each path that is drawn more than once, as by both implementations, written once."""
    svg = re.sub(r'\bd="[^"]+"', lambda found: numbers(found[0]), svg)
    often = [path for path, times in Counter(re.findall(r'<path (d="[^"]{100,}")', svg)).items() if times > 1]
    for i, path in enumerate(often):
        svg = svg.replace(f"<path {path}", f'<use href="#path{i}"')
    once = "".join(f'<path id="path{i}" {path}/>' for i, path in enumerate(often))
    return svg.replace(">", f"><defs>{once}</defs>", 1) if often else svg


def numbers(attribute: str) -> str:
    """A length or a path to a tenth; in a path of lines alone, a point after a point needs no L, and a dot no second
    point."""
    attribute = re.sub(r"(\.\d)\d+", r"\1", " ".join(attribute.split())).replace(".0", "")
    attribute = re.sub(r" ?([MLCQzHV]) ?", r"\1", attribute).replace(' "', '"')
    attribute = re.sub(r'M([-\d.]+ [-\d.]+)L\1(?=[M"])', r"M\1h0", attribute)
    return attribute if re.search("[CQHV]", attribute) else attribute.replace("L", " ")


def ungrouped(svg: str) -> str:
    """The elements without the groups that say nothing of them."""
    kept: list[bool] = []

    def group(found: re.Match[str]) -> str:
        if found[0] == "</g>":
            return found[0] * kept.pop()
        if found[0].endswith("/>"):
            return ""
        kept.append(found[0] != "<g>")
        return found[0] * kept[-1]

    return re.sub(r"<g\b[^>]*>|</g>", group, svg)
