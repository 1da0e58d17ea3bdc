"""A small bird on a perch, drawn: not a photograph, and nothing learned from it is known to hold for photographs.

Points are complex numbers, x + iy, in sides of the picture, with y downwards; a turn is a complex number of length 1.
A bird is a few shapes, each a part of its `Species`, drawn facing right at four times the size and scaled down; half
the pictures are mirrored in the end. Species share colours with one another and with what is around them, and a bird
may be anywhere: that is what makes it hard to know one by the colour of a pixel, or of the whole picture.
"""

import cmath
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

Colour = tuple[int, int, int]
Points = NDArray[np.complex128]

FINER = 4  # times as fine as the picture is what is drawn
CELLS = 9  # of the background, in a row: what is far away is out of focus
CIRCLE: Points = np.array([cmath.rect(1, math.tau * i / 24) for i in range(24)])

BLACK, EYE = (32, 31, 34), (18, 16, 18)
TWIGS = ((84, 70, 58), (112, 98, 84), (58, 50, 46), (140, 128, 112))
LEAVES = ((72, 104, 48), (128, 148, 62), (186, 112, 52), (206, 172, 70))
SCENES = (
    ((112, 158, 212), (198, 214, 230), (74, 122, 188)),  # sky
    ((58, 92, 42), (132, 156, 74), (32, 56, 32)),  # leaves
    ((188, 106, 50), (212, 174, 70), (96, 72, 50)),  # autumn
    ((152, 142, 118), (98, 88, 74), (190, 180, 152)),  # a field, bark
    ((232, 236, 240), (192, 202, 216), (122, 118, 114)),  # snow
    ((214, 196, 88), (142, 160, 72), (226, 222, 196)),  # a meadow in flower
)
BLOSSOMS = (
    (62, 108, 188),
    (188, 96, 52),
    (236, 206, 62),
    (230, 230, 232),
    (36, 34, 36),
)  # as far off, in colours birds have


class Species(NamedTuple):
    """What tells one species from another."""

    back: Colour
    head: Colour
    cap: Colour  # the forehead
    face: Colour  # cheek and throat
    collar: Colour  # between head and breast
    breast: Colour
    belly: Colour
    wing: Colour
    bars: Colour  # across the wing
    tail: Colour
    beak: Colour
    beak_length: float
    tail_length: float
    crest: float  # its height above the head
    stance: float  # degrees the body is raised from the horizontal


SPECIES = {
    "blue_jay": Species(
        back=(88, 122, 190),
        head=(82, 116, 190),
        cap=(88, 122, 194),
        face=(228, 230, 234),
        collar=BLACK,
        breast=(206, 208, 214),
        belly=(230, 230, 232),
        wing=(58, 104, 190),
        bars=(232, 234, 238),
        tail=(62, 108, 192),
        beak=(44, 42, 44),
        beak_length=0.075,
        tail_length=0.24,
        crest=0.1,
        stance=28,
    ),
    "bluebird": Species(
        back=(60, 108, 190),
        head=(62, 112, 194),
        cap=(62, 112, 194),
        face=(178, 96, 58),
        collar=(188, 98, 54),
        breast=(188, 98, 54),
        belly=(228, 222, 214),
        wing=(50, 92, 172),
        bars=(72, 112, 182),
        tail=(50, 92, 172),
        beak=(48, 46, 48),
        beak_length=0.05,
        tail_length=0.16,
        crest=0,
        stance=45,
    ),
    "goldfinch": Species(
        back=(214, 180, 58),
        head=(236, 204, 60),
        cap=BLACK,
        face=(238, 208, 64),
        collar=(236, 204, 58),
        breast=(238, 206, 60),
        belly=(236, 222, 150),
        wing=(40, 38, 38),
        bars=(228, 226, 220),
        tail=(48, 46, 46),
        beak=(222, 152, 96),
        beak_length=0.05,
        tail_length=0.14,
        crest=0,
        stance=36,
    ),
    "robin": Species(
        back=(108, 98, 90),
        head=(66, 60, 58),
        cap=(62, 56, 54),
        face=(74, 66, 62),
        collar=(190, 92, 50),
        breast=(192, 90, 50),
        belly=(222, 212, 202),
        wing=(98, 90, 82),
        bars=(118, 108, 98),
        tail=(70, 64, 62),
        beak=(212, 170, 72),
        beak_length=0.06,
        tail_length=0.19,
        crest=0,
        stance=40,
    ),
}


def picture(species: Species, rng: np.random.Generator, size: int = 32) -> Image.Image:
    """A picture, size × size, RGB. Everything that `species` leaves open comes from `rng`."""
    image = _background(rng).resize((FINER * size, FINER * size), Image.Resampling.BICUBIC)
    paper = Paper(image)
    middle = 0.5 + 0.5j + complex(rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2))
    scale = rng.uniform(0.8, 1.2)
    feet = middle + scale * 0.2j
    _perch(paper, feet, rng)
    _bird(paper, _individual(species, rng), middle, scale, rng)
    for _ in range(rng.integers(0, 4)):
        _twig_in_front(paper, rng)
    lit = _light_and_noise(np.asarray(image.reduce(FINER), np.float64), rng)
    return ImageOps.mirror(lit) if rng.random() < 0.5 else lit


class Paper:
    """An image to draw on in sides of the picture."""

    def __init__(self, image: Image.Image) -> None:
        self.side, self.draw = image.width, ImageDraw.Draw(image, "RGBA")

    def fill(self, points: Points, colour: tuple[int, ...]) -> None:
        """A polygon; a fourth number in its colour is how opaque it is, of 255."""
        self.draw.polygon((self.side * points).view(np.float64).tolist(), colour)

    def stroke(self, start: complex, end: complex, width: float, colour: Colour) -> None:
        """A straight line that thins out to half its width."""
        across = 0.5j * width * (end - start) / abs(end - start)
        self.fill(np.array([start + across, end + across / 2, end - across / 2, start - across]), colour)


def _bird(paper: Paper, bird: Species, middle: complex, scale: float, rng: np.random.Generator) -> None:
    """Tail, legs, body, wing and head, each over the one before."""
    turn = rng.uniform(-12, 12)
    body, head = _turn(turn - bird.stance), _turn(turn + rng.uniform(-15, 15))

    def part(colour: tuple[int, ...], points: Points) -> None:
        paper.fill(middle + scale * body * points, colour)

    def head_part(colour: tuple[int, ...], points: Points) -> None:
        paper.fill(middle + scale * (body * (0.17 - 0.055j) + head * points), colour)

    end = -0.14 - bird.tail_length
    part(bird.tail, np.array([-0.12 - 0.055j, -0.12 + 0.035j, end + 0.045j, end - 0.02j]))
    for leg in (-0.02, 0.035):
        paper.stroke(middle + scale * (leg + 0.08j), middle + scale * (leg + 0.205j), 0.018 * scale, (70, 58, 52))

    part(bird.back, _ellipse(0, 0.2, 0.12))
    part(bird.belly, _ellipse(-0.05 + 0.05j, 0.125, 0.068))
    part(bird.breast, _ellipse(0.085 + 0.04j, 0.105, 0.085))
    part((*BLACK, 40), _ellipse(-0.03 + 0.09j, 0.14, 0.03))  # the shade below
    below = [0.03 + 0.05j, -0.08 + 0.045j, -0.25 - 0.005j]
    part(bird.wing, np.array([0.02 - 0.09j, 0.1 - 0.05j, 0.09 + 0.005j, *below, -0.13 - 0.075j]))
    for x in (0.03, -0.05):
        part(bird.bars, np.array([x - 0.05j, x + 0.025 - 0.05j, x + 0.01 + 0.04j, x - 0.015 + 0.04j]))
    part((*BLACK, 70), np.array([*below, -0.08 + 0.025j]))  # and that of the wing

    head_part(bird.collar, _ellipse(-0.005 + 0.03j, 0.092, 0.09))
    head_part(bird.head, np.array([0.03 - 0.07j, -0.05 - (0.065 + bird.crest) * 1j, -0.085 + 0.01j]))
    head_part(bird.head, _ellipse(0, 0.092, 0.085))
    head_part(bird.face, _ellipse(0.03 + 0.035j, 0.056, 0.045))
    head_part(bird.cap, _ellipse(0.03 - 0.048j, 0.06, 0.036))
    head_part(bird.beak, np.array([0.075 - 0.025j, 0.085 + bird.beak_length + 0.01j, 0.075 + 0.03j]))
    head_part(EYE, _ellipse(0.042 - 0.008j, 0.017, 0.017))


def _individual(species: Species, rng: np.random.Generator) -> Species:
    """One of its kind: brighter or duller, and no two feathers quite alike."""
    dull, worn = rng.uniform(0, 0.3), rng.uniform(0.88, 1.1)

    def tinted(colour: Colour) -> Colour:
        grey = sum(colour) / 3
        r, g, b = (min(max(round(worn * (c + dull * (grey - c)) + rng.uniform(-10, 10)), 0), 255) for c in colour)
        return r, g, b

    return species._replace(
        **{name: tinted(trait) for name, trait in species._asdict().items() if isinstance(trait, tuple)}
    )


def _background(rng: np.random.Generator) -> Image.Image:
    """Cells in a scene's three colours, mixed, neighbours alike, and some blossoms: to be scaled up, and so blurred."""
    scene = np.array(SCENES[rng.integers(len(SCENES))], np.float64)
    around = rng.random((CELLS // 3, CELLS // 3, 3, 1)).repeat(3, 0).repeat(3, 1)
    shares = around + rng.random((CELLS, CELLS, 3, 1))
    shares *= shares * shares  # mostly one colour
    cells = (shares * scene).sum(2) / shares.sum(2)
    for _ in range(rng.integers(0, 4)):
        cells[tuple(rng.integers(0, CELLS, 2))] = BLOSSOMS[rng.integers(len(BLOSSOMS))]
    return Image.fromarray(np.rint(cells).astype(np.uint8))


def _perch(paper: Paper, feet: complex, rng: np.random.Generator) -> None:
    """A branch from edge to edge, under the feet, its thick end on either side."""
    along, width = _turn(rng.uniform(-15, 15) + 180 * rng.integers(2)), rng.uniform(0.03, 0.07)
    middle = feet + 0.375j * width  # half way it is three quarters as thick
    paper.stroke(middle - 1.2 * along, middle + 1.2 * along, width, TWIGS[rng.integers(len(TWIGS))])


def _twig_in_front(paper: Paper, rng: np.random.Generator) -> None:
    """A thin twig right across, with a leaf on it or none."""
    through, along = complex(rng.random(), rng.random()), _turn(rng.uniform(0, 360))
    paper.stroke(
        through - 1.5 * along, through + 1.5 * along, rng.uniform(0.012, 0.03), TWIGS[rng.integers(len(TWIGS))]
    )
    if rng.random() < 0.5:
        leaf = along * _turn(rng.uniform(20, 60))
        length = rng.uniform(0.04, 0.08)
        paper.fill(through + leaf * _ellipse(length, length, length / 2.5), LEAVES[rng.integers(len(LEAVES))])


def _light_and_noise(pixels: NDArray[np.float64], rng: np.random.Generator) -> Image.Image:
    """Exposure, a light from one side, white balance, and a sensor's noise."""
    across, down = rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)
    warm, tint = rng.uniform(-0.12, 0.12), rng.uniform(-0.05, 0.05)
    place = np.linspace(-1, 1, len(pixels))
    light = rng.uniform(0.7, 1.15) * (1 + across * place[None, :, None] + down * place[:, None, None])
    pixels = pixels * light * np.array([1 + warm, 1 + tint, 1 - warm]) + rng.uniform(2, 8) * rng.standard_normal(
        pixels.shape
    )
    return Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8))


def _ellipse(centre: complex, length: float, depth: float) -> Points:
    """An outline; length and depth are its radii."""
    return centre + length * CIRCLE.real + 1j * depth * CIRCLE.imag


def _turn(degrees: float) -> complex:
    return cmath.rect(1, math.radians(degrees))
