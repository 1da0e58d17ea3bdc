"""Tests of the derived tolerance: no right evaluation lies outside, and little that is wrong lies inside."""
