"""What the weak methods are measured against: full masks, and the tune masks alone."""
