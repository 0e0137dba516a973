# %% [markdown]
# # Exercises: boxes
#
# Before this: [chapter 11](../11_boxes.ipynb). Each cell that says
# `YOUR CODE HERE` is yours; the cell below it checks your answer and, where it is wrong, says what
# the likely mistake is. Nothing is sent anywhere.

# %%
import numpy as np
import torch

from wsss_lite.exercises import check
from wsss_lite.exercises.ch11 import triangle

# %% [markdown]
# ## 11.1 Fill in: the floor
#
# A `Box(cls, x0, y0, x1, y1)` is half-open: rows y0 to y1 - 1, columns x0 to x1 - 1, and `cls` is
# the class number as it stands in a mask. Fill all boxes of a picture with their classes. Where
# boxes overlap the smaller one (by area) is in front; the rest is 0.

# %% exercise 11.1
def fill(boxes, size):
    """A list of boxes and (H, W) -> (H, W) uint8."""
    ### BEGIN SOLUTION
    labels = np.zeros(size, np.uint8)
    for box in sorted(boxes, key=lambda b: (b.y1 - b.y0) * (b.x1 - b.x0), reverse=True):
        labels[box.y0 : box.y1, box.x0 : box.x1] = box.cls
    return labels
    ### END SOLUTION


# %% check 11.1
check("11.1", fill)

# %% [markdown]
# ## 11.2 Fill in: the filling rate
#
# Now the oracle's number. `masks[k]` is the true mask (H, W) of the picture that `boxes[k]` was
# drawn in, 255 at void. The rate of a class is the share of its box that has its label, void
# counted as not: first the share of each box, then the mean over all boxes of the class. Every
# class has a box here.

# %% exercise 11.2
def filling_rates(boxes, masks, classes):
    """Lists of boxes and of (H, W) uint8 masks -> (classes,) rates, of class 1 first."""
    ### BEGIN SOLUTION
    shares = {k: [] for k in range(1, classes + 1)}
    for box, mask in zip(boxes, masks):
        inside = mask[box.y0 : box.y1, box.x0 : box.x1]
        shares[box.cls].append((inside == box.cls).mean())
    return np.array([np.mean(shares[k]) for k in shares])
    ### END SOLUTION


# %% check 11.2
check("11.2", filling_rates)

# %% [markdown]
# ## 11.3 Fill in: every line meets the object
#
# `p` (H, W) is the probability of the box's class. Write the loss of the tightness prior: the mean,
# over all rows and columns that cross the box, of $-\log$ of the largest probability on the line
# inside the box. Keep it finite where a line has no probability at all: nothing below 1e-6 under
# the logarithm.

# %% exercise 11.3
def line_loss(p, box):
    """(H, W) tensor in 0..1 and a Box -> a scalar."""
    ### BEGIN SOLUTION
    inside = p[box.y0 : box.y1, box.x0 : box.x1]
    lines = torch.cat([inside.amax(0), inside.amax(1)])
    return -lines.clamp(min=1e-6).log().mean()
    ### END SOLUTION


# %% check 11.3
check("11.3", line_loss)

# %% [markdown]
# ## 11.4 Predict: how little, how much
#
# A tight box of 6 rows and 10 columns. How many pixels has the smallest mask inside it to which the
# lines have no objection at all? And the largest?

# %% exercise 11.4
least, most = ..., ...
### BEGIN SOLUTION
least, most = 10, 60  # stairs: every column once, and with them every row
### END SOLUTION

# %% check 11.4
check("11.4", (least, most))

# %% [markdown]
# ## 11.5 Break it: a mask that every rule likes
#
# The object below fills the lower left half of its box (rows 1 to 8, columns 2 to 9 of 10 x 12).
# Suppose we even knew its filling rate. Make a mask (10, 12) that is 0 outside the box, meets each
# of its lines, fills the box as much as the object does (give or take 15 % of that), is no rougher
# than the object, and yet has an IoU below 0.3 with it. What would a network need to tell the two
# apart?

# %%
truth = triangle()
print(truth.astype(int))

# %% exercise 11.5
mask = ...
### BEGIN SOLUTION
mask = np.zeros((10, 12), bool)
mask[1:9, 2:10] = np.tri(8, dtype=bool).T  # the upper right half: only the picture tells
### END SOLUTION

# %% check 11.5
check("11.5", mask)
