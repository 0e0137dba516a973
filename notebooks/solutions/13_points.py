# %% [markdown]
# # Exercises: points
#
# Before this: [chapter 13](../13_points.ipynb). Each cell that says `YOUR CODE HERE` is yours; the
# cell below it checks your answer and, where it is wrong, says what the likely mistake is.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 13.1 Fill in: the nearest click, within reach
#
# The floor of the family. Each pixel takes the class of the nearest click (straight distance).
# Then what is farther than the reach from every click on an *object* becomes background. The reach
# is a share of the picture's shorter side. A click is (y, x, class), class 0 is the background.
# Where two clicks are equally near, either will do.

# %% exercise 13.1
def nearest(clicks, size, reach):
    """[(y, x, class)], (H, W), a share -> (H, W) class numbers."""
    ### BEGIN SOLUTION
    y, x, cls = np.array(clicks).T[:, :, None, None]
    rows, columns = np.indices(size)
    away = np.hypot(rows - y, columns - x)  # (clicks, H, W)
    labels, found = cls[:, 0, 0][away.argmin(0)], cls[:, 0, 0] > 0
    if not found.any():
        return labels
    return np.where(away[found].min(0) > reach * min(size), 0, labels)
    ### END SOLUTION


# %% check 13.1
check("13.1", nearest)

# %% [markdown]
# ## 13.2 Fill in: as often as it comes
#
# A network that has learnt clicks says `p`, the probability of the background at each pixel. Among
# the clicks the background had the share `clicks`; among the pixels of the world it has the share
# `pixels`. Where only *how often* a class comes has changed, its odds change by one factor
# everywhere: the ratio of the two shares' odds. Return the corrected probability.

# %% exercise 13.2
def corrected(p, clicks, pixels):
    """(h, w) in 0..1, two shares in 0..1 -> (h, w) in 0..1."""
    ### BEGIN SOLUTION
    factor = pixels / (1 - pixels) / (clicks / (1 - clicks))
    odds = p / (1 - p) * factor
    return odds / (1 + odds)
    ### END SOLUTION


# %% check 13.2
check("13.2", corrected)

# %% [markdown]
# ## 13.3 Predict: one click on the background
#
# Each object has its click. Three ways to hold the objects back:
#
# - `"none"`: no click on the background; the outermost pixels of the picture count as background;
# - `"one"`: one click on the background, and no frame;
# - `"reach"`: that one click, and a reach of a quarter of the picture.
#
# Order them by the mIoU of their labels, the worst first. (The check makes them, on 20 scenes.)

# %% exercise 13.3
order = ...
### BEGIN SOLUTION
order = ("one", "none", "reach")
### END SOLUTION

# %% check 13.3
check("13.3", order)

# %% [markdown]
# ## 13.4 Break it: two true clicks
#
# Draw a `mask` (40, 40) of 0 and 1 with one object, in one piece and of 100 pixels at least, and
# two clicks as in 13.1, one on the object and one on the background, both true. With your `nearest`
# and a reach of 0.25 the IoU of the object should stay below 0.25.

# %% exercise 13.4
mask, clicks = ..., ...
### BEGIN SOLUTION
mask = np.zeros((40, 40), np.uint8)
mask[4:7] = 1  # a train, from edge to edge
clicks = [(5, 3, 1), (30, 30, 0)]
### END SOLUTION

# %% check 13.4
check("13.4", (mask, clicks))
