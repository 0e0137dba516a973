"""CAM and its direct variants."""
