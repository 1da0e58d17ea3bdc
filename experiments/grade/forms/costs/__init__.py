"""Costs and gradients of which one is not there, or stands for more: a cost alone, its gradient alone, a last δ."""
