"""Things to turn and look at in a notebook. They need ipywidgets: `pip install '.[notebooks]'`."""

from wsss_lite.widgets.annotator import Annotator
from wsss_lite.widgets.inspector import Inspector
from wsss_lite.widgets.paster import Paster
from wsss_lite.widgets.refiner import Refiner
from wsss_lite.widgets.scenes import SceneBrowser
from wsss_lite.widgets.stepper import Stepper

__all__ = ["Annotator", "Inspector", "Paster", "Refiner", "SceneBrowser", "Stepper"]
