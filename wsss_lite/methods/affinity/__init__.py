"""Affinity: grow, or let flow, what a map is sure of to the pixels that belong with it."""
