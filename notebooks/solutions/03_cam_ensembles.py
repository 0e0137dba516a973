# %% [markdown]
# # Exercises: CAM ensembles
#
# Before this: [chapter 03](../03_cam_ensembles.ipynb). Each cell that says `YOUR CODE HERE` is
# yours; the cell below it checks your answer and, where it is wrong, says what the likely mistake
# is. Nothing is sent anywhere.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 03.1 Fill in: remember what was looked at
#
# OAA's accumulation. `maps` (T, N, C, h, w) are the maps of T moments of the training,
# `probability` (T, N, C) what the classifier of each moment gave each class, and `tags` (N, C)
# are 0 or 1. Keep the running maximum over the moments. A map counts only where its class had
# more than one half; the maps of the *last* moment always count. Classes without a tag get
# nothing. At the end divide each map by its own maximum; a map that is zero everywhere stays
# zero.

# %% exercise 03.1
def accumulate(maps, probability, tags):
    """(T, N, C, h, w) >= 0, (T, N, C), (N, C) -> (N, C, h, w) in 0..1."""
    ### BEGIN SOLUTION
    gate = probability > 0.5
    gate[-1] = True
    gathered = (maps * gate[..., None, None]).max(0) * tags[..., None, None]
    return gathered / np.maximum(gathered.max((2, 3), keepdims=True), 1e-12)
    ### END SOLUTION


# %% check 03.1
check("03.1", accumulate)

# %% [markdown]
# ## 03.2 Fill in: the cheapest ensemble
#
# `map_of` takes a picture (H, W, 3) and gives its map (h, w). Return the mean of the map of the
# picture and the map of the picture mirrored left to right, both as the *picture* lies.

# %% exercise 03.2
def mirrored(map_of, picture):
    """function, (H, W, 3) -> (h, w)."""
    ### BEGIN SOLUTION
    return (map_of(picture) + map_of(picture[:, ::-1])[:, ::-1]) / 2
    ### END SOLUTION


# %% check 03.2
check("03.2", mirrored)

# %% [markdown]
# ## 03.3 Predict: the maximum of two
#
# An object has 100 pixels. Two masks find 60 of them each, 40 of these are the same. Each also
# takes 20 pixels of background, and of these 5 are the same. What recall and what precision has
# the mask that says yes where *either* does?

# %% exercise 03.3
recall, precision = ..., ...
### BEGIN SOLUTION
hits, leaks = 60 + 60 - 40, 20 + 20 - 5
recall, precision = hits / 100, hits / (hits + leaks)
### END SOLUTION

# %% check 03.3
check("03.3", (recall, precision))

# %% [markdown]
# ## 03.4 Predict: what is left on test
#
# At one fixed threshold MDC finds clearly more of the objects than CAM (chapter 03). Then each
# method gets its own threshold, its CRF, and its segmenter. By how many points of mIoU is MDC
# ahead on test, the mean of three seeds? Say a number, negative if you think it falls behind. One
# point up or down is forgiven.

# %% exercise 03.4
points = ...
### BEGIN SOLUTION
points = 0.5
### END SOLUTION

# %% check 03.4
check("03.4", points)

# %% [markdown]
# ## 03.5 Break it: an ensemble that is worse than both
#
# Make two maps, (8, 8) in 0..1, of the object below. Cut at 0.5, their maximum shall find *more*
# of the object than either, and yet have an IoU that is lower by 0.05 or more than that of
# either. Each map alone shall have an IoU of at least 0.3.

# %%
truth = np.zeros((8, 8), bool)
truth[2:6, 2:6] = True

# %% exercise 03.5
one, other = ..., ...
### BEGIN SOLUTION
one, other = 0.9 * truth, 0.9 * truth
one[2, 2:5], other[2, 3:6] = 0, 0  # they agree on most of the object,
one[7, :7], other[0, :7] = 0.9, 0.9  # and disagree on what they take besides
### END SOLUTION

# %% check 03.5
check("03.5", (one, other))
