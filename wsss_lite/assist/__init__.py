"""Large models as assistants: CLIP, SAM, Grounding DINO and a tagger, each behind one interface.

Importing this package, or a module of it, loads none of their libraries.
"""


def ready(assistant, load, **options):
    """An assistant that was given by its name is loaded, anything else is used as it is."""
    return load(assistant, **options) if isinstance(assistant, str) else assistant
