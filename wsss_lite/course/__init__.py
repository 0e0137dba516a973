"""What the notebooks use beside the package itself: a look at the machine, claims, originals."""

from wsss_lite.course.claims import Claim, ClaimFailed, claim, close
from wsss_lite.course.features import pooled
from wsss_lite.course.machine import check, setup
from wsss_lite.course.originals import restore

__all__ = ["Claim", "ClaimFailed", "check", "claim", "close", "pooled", "restore", "setup"]
