"""Methods that let a large model assist: CLIP, SAM, a grounder, a tagger."""
