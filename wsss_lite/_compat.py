"""Lets `import torchvision` succeed when its compiled half does not fit the installed torch.

A CPU build of torch beside a torchvision built for CUDA is a pair that installers really do
choose. Importing torchvision then dies with "operator torchvision::nms does not exist",
although models and transforms, which is all this package uses, never call that operator.
Declaring its name is enough. Call `mend_torchvision()` before anything that imports torchvision
(timm does).
"""

import importlib
import sys

OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# torch forgets the declarations as soon as the library object is collected, so it lives here.
_library = None


def mend_torchvision():
    """Import torchvision, declaring its missing operators first if that is what it takes.

    Returns "absent" without torchvision, "fine" when it imports by itself and "mended" when the
    operators had to be declared. Any other failure of torchvision is raised as it is.
    """
    global _library
    if _library is not None:
        return "mended"
    # Trying is the only sure way to know: declaring operators that torchvision brings itself
    # would make its own registration fail.
    try:
        importlib.import_module("torchvision")
        return "fine"
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        return "absent"
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _library = _declare()
    _forget("torchvision")
    importlib.import_module("torchvision")
    return "mended"


def _declare():
    """Declare the operators without any code behind them; calling one still fails."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in OPERATORS:
        library.define(operator)
    return library


def _forget(package):
    """Drop the modules that a failed import left behind, so that the next one starts afresh."""
    for name in list(sys.modules):
        if name == package or name.startswith(package + "."):
            del sys.modules[name]
