"""Large models as assistants: CLIP, SAM, Grounding DINO and a tagger, each behind one interface.

Importing this package, or a module of it, loads none of their libraries.
"""
