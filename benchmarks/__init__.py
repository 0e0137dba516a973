"""Measured beside the peers, in one run: `wsss-lite bench`."""
