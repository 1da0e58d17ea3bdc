"""Let a language model write: `python -m experiments.write --model FILE --prompt TEXT` continues a text."""

import sys
from pathlib import Path

from experiments.shared.command import Parser, command
from experiments.shared.printable import printable
from experiments.write.writer import Writer
from manual import InputError

ABOUT = """FILE is what a training run on a text leaves, as `fit --config letters` does. The same model, prompt and
seed give the same text, by either implementation.

"""
EXAMPLES = (
    '--model runs/reader/manual/version_0/model.safetensors --prompt "The list"',
    '--model model.safetensors --prompt "A class" --temperature 0.7 --top-k 10 --seed 3',
)


@command
def main(arguments: list[str] | None = None) -> int:
    """Write what is asked for; the exit status."""
    parser = Parser("write", "Let a language model continue a text.", EXAMPLES, ABOUT)
    parser.add_argument("--model", type=Path, required=True, metavar="FILE", help="the trained model")
    parser.add_argument("--prompt", default="\n", metavar="TEXT", help="the text to continue; default: a new line")
    parser.add_argument(
        "--length", type=int, default=400, metavar="N", help="the number of tokens to write; default: 400"
    )
    parser.add_argument(
        "--temperature", type=float, default=1, metavar="T",
        help="the temperature: below 1 favours likely tokens, 0 always takes the likeliest; default: 1",
    )  # fmt: skip
    parser.add_argument(
        "--top-k", type=int, metavar="K", help="the number of likeliest tokens to draw from; default: all"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the seed of the random draws; default: 0")
    parser.add_argument(
        "--implementation", choices=["manual", "torch"], default="manual",
        help="the implementation that computes; default: manual",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    try:
        writer = Writer(options.model, options.implementation)
        written = writer.write(options.prompt, options.length, options.temperature, options.top_k, options.seed)
        for number, piece in enumerate(written):
            sys.stdout.write(shown(piece if number else options.prompt + piece))
            sys.stdout.flush()
        sys.stdout.write("\n")
    except BrokenPipeError:
        raise
    except (InputError, OSError) as error:
        parser.error(str(error))
    return 0


def shown(text: str) -> str:
    """A text whose lines stay lines, and which does nothing else to a terminal."""
    return "\n".join(map(printable, text.split("\n")))
