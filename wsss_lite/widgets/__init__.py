"""Things to turn and look at in a notebook. They need ipywidgets: `pip install '.[notebooks]'`."""

from wsss_lite.widgets.inspector import Inspector

__all__ = ["Inspector"]
