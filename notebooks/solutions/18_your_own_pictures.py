# %% [markdown]
# # Exercises: your own pictures
#
# Before this: [chapter 18](../18_your_own_pictures.ipynb). Each cell that says `YOUR CODE HERE` is
# yours; the cell below it checks your answer and, where it is wrong, says what the likely mistake
# is.

# %%
import numpy as np
from scipy.ndimage import binary_erosion, distance_transform_edt

from wsss_lite.exercises import check
from wsss_lite.score import Scores

# %% [markdown]
# ## 18.1 Fill in: HD95
#
# The outline of a mask are its pixels that `binary_erosion` takes away. From each pixel of one
# outline measure the distance to the nearest pixel of the other, and take the 95th percentile; the
# same the other way; the larger of the two. Where neither mask has a pixel the answer is nan, where
# only one has it is the picture's diagonal.

# %% exercise 18.1
def hd95(a, b):
    """Two (H, W) bool masks -> pixels."""
    ### BEGIN SOLUTION
    if not a.any() and not b.any():
        return np.nan
    if not a.any() or not b.any():
        return np.hypot(*a.shape)
    a, b = a & ~binary_erosion(a), b & ~binary_erosion(b)
    ways = distance_transform_edt(~b)[a], distance_transform_edt(~a)[b]
    return max(np.percentile(way, 95) for way in ways)
    ### END SOLUTION


# %% check 18.1
check("18.1", hd95)

# %% [markdown]
# ## 18.2 Fill in: a threshold, and an honest score of it
#
# `at` is {threshold: (N, C, C)}, a confusion matrix for each of N pictures. The masks of the
# pictures `drawn` (a list of row numbers) were drawn by lot. Choose the threshold with the best
# mIoU on these. Then say what it is worth: the mIoU on the *other* pictures. `Scores(matrix).miou`
# is the mIoU of one matrix; pictures are scored together, by the sum of their matrices.

# %% exercise 18.2
def tuned(at, drawn):
    """-> (threshold, mIoU)."""
    ### BEGIN SOLUTION
    best = max(at, key=lambda t: Scores(at[t][drawn].sum(0)).miou)
    others = np.delete(at[best], drawn, axis=0)
    return best, Scores(others.sum(0)).miou
    ### END SOLUTION


# %% check 18.2
check("18.2", tuned)

# %% [markdown]
# ## 18.3 Fill in: whole groups
#
# To ask whether tags are learnt, a classifier is trained on all folds but one and asked about that
# one. `groups` names the film, patient or place of each picture. Return a fold for each picture, 0
# to `count` - 1, so that no group is parted, no fold is empty, and the folds are about equally
# large (none above 1.6 times its share). There are more groups than folds, and their pictures may
# come in any order.

# %% exercise 18.3
def folds(groups, count):
    """List of N names -> (N,) int."""
    ### BEGIN SOLUTION
    sizes = {name: groups.count(name) for name in groups}
    filled, where = [0] * count, {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):  # the largest first
        where[name] = filled.index(min(filled))
        filled[where[name]] += sizes[name]
    return np.array([where[name] for name in groups])
    ### END SOLUTION


# %% check 18.3
check("18.3", folds)

# %% [markdown]
# ## 18.4 Predict: a rim and a speck
#
# The truth is a disc of radius 16 around (26, 26), in 64 x 64 pixels. One prediction is the disc of
# radius 18 around the same point. Another is the true disc and *one* pixel at (60, 60). Write, in
# pixels: HD95 of the first; HD95 of the second; and of the second the largest distance, the 100th
# percentile in place of the 95th. Decide before you compute anything.

# %% exercise 18.4
rim, stray, farthest = ..., ..., ...
### BEGIN SOLUTION
rim = 2.0  # two pixels all round
stray = 0.0  # one pixel of about ninety is less than a twentieth
farthest = np.hypot(34, 34) - 16
### END SOLUTION

# %% check 18.4
check("18.4", (rim, stray, farthest))

# %% [markdown]
# ## 18.5 Break it: nearly all of it, and far away
#
# Dice cannot see how far away the errors are. Make a prediction `pred` (64, 64) for the disc below
# with a Dice of 0.95 at least and an HD95 of 20 pixels at least.

# %%
rows, columns = np.indices((64, 64))
true = (rows - 26) ** 2 + (columns - 26) ** 2 <= 16**2

# %% exercise 18.5
pred = ...
### BEGIN SOLUTION
pred = true.copy()
pred[62, 50:62] = True  # a thin line, far away: few pixels, and all of them outline
### END SOLUTION

# %% check 18.5
check("18.5", pred)
