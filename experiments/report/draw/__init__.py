"""Drawings as SVG that belongs to the page."""
