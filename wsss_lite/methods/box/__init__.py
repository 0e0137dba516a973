"""Methods that are given a box round each object."""
