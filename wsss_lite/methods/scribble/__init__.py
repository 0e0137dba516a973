"""Methods that are given a stroke along each object and one on the background."""
