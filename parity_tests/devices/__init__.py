"""Tests of what runs on another device than the CPU, on a pretended one where there is none."""
