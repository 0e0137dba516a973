"""Things to turn and look at in a notebook. They need ipywidgets: `pip install '.[notebooks]'`."""

from wsss_lite.widgets.inspector import Inspector
from wsss_lite.widgets.refiner import Refiner
from wsss_lite.widgets.scenes import SceneBrowser

__all__ = ["Inspector", "Refiner", "SceneBrowser"]
