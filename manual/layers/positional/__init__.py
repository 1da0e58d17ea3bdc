"""Where a word stands in its sentence: attention by itself does not see it."""

from manual.layers.positional.learned_positions import LearnedPositions
from manual.layers.positional.rotary_positions import RotaryPositions
from manual.layers.positional.sinusoidal_positions import SinusoidalPositions

__all__ = ["LearnedPositions", "RotaryPositions", "SinusoidalPositions"]
