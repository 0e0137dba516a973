"""One stage: a segmentation network that finds its own targets while it learns."""
