"""Methods with extra supervision: what a saliency map or a map of boundaries adds to tags."""
