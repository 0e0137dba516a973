"""Reads back what a widget stores in its page: the maps and masks that the script shows."""

import json
import re
from base64 import b64decode

import numpy as np


def told(html):
    """The data of a page's part."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


def map_in(layer, k):
    """(h, w) in 0..1 the map of class k (from 0) in a layer."""
    cells = np.frombuffer(b64decode(layer["maps"][str(k + 1)]), "<u2")
    return cells.reshape(layer["grid"]) / 65535


def mask_in(text, size):
    """(H, W) uint8 of its runs."""
    pairs = np.frombuffer(b64decode(text), np.uint8).reshape(-1, 2)
    return np.repeat(pairs[:, 0], pairs[:, 1].astype(int) + 1).reshape(size)
