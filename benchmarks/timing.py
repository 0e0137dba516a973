"""The clock of all benchmarks: one thread, and a picture of the usual size."""

import contextlib
import time

import cv2
import torch

VOC_SIZE = (375, 500)  # (H, W) of a usual VOC picture


@contextlib.contextmanager
def one_thread():
    """torch and OpenCV on one thread, as before afterwards."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def milliseconds(function):
    start = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - start)
