"""A progress bar that shows itself only when the wait exceeds two seconds."""

import os
import sys

from tqdm import tqdm


def progress(items, label, total=None):
    """Iterate over `items`; after two seconds a bar named `label` appears on standard error."""
    quiet = bool(os.environ.get("WSSS_LITE_QUIET"))
    return tqdm(
        items,
        desc=label,
        total=total,
        delay=2.0,
        disable=quiet,
        file=sys.stderr,
        leave=False,
        ncols=80,
    )
