# %% [markdown]
# # Exercises: boats without water
#
# Before this: [chapter 05](../05_co_occurrence.ipynb). Each cell that says `YOUR CODE HERE` is
# yours; the cell below it checks your answer and, where it is wrong, says what the likely mistake
# is. Nothing is sent anywhere.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 05.1 Fill in: cut and paste, with the tags
#
# Cut the object out of `picture` where its `mask` is true, and paste it into `host` so that the top
# left corner of its bounding box lies at (`top`, `left`); it fits. Return the new picture and its
# tags, (C,) bool: what was in the host is still there, and the object, class `cls`, has come. The
# inputs must stay as they are.

# %% exercise 05.1
def cut_and_paste(host, tags, picture, mask, cls, top, left):
    """(H, W, 3) uint8, (C,) bool, (H, W, 3) uint8, (H, W) bool, 3 x int -> (H, W, 3), (C,)."""
    ### BEGIN SOLUTION
    ys, xs = np.nonzero(mask)
    made = host.copy()
    made[ys - ys.min() + top, xs - xs.min() + left] = picture[ys, xs]
    union = tags.copy()
    union[cls] = True
    return made, union
    ### END SOLUTION


# %% check 05.1
check("05.1", cut_and_paste)

# %% [markdown]
# ## 05.2 Predict: a map that took the lake along
#
# Say a boat covers 0.15 of the picture and water 0.37, as on the lakes of chapter 00. A
# classifier that knows boats by their company gives boat *and* water the same heat, and nothing
# else. Its mask of "boat": what precision, what recall? And is there a threshold that mends it?

# %% exercise 05.2
precision, recall = ..., ...
### BEGIN SOLUTION
precision, recall = 0.15 / (0.15 + 0.37), 1.0  # no threshold: the two are equally hot
### END SOLUTION

# %% check 05.2
check("05.2", (precision, recall))

# %% [markdown]
# ## 05.3 Fill in: show the lake
#
# W-OoD in five lines. `pooled` (N, F) and `tags` (N, C) are what the probe is trained with.
# `outside` (M, F) are pictures of contexts *without* any object, `probability` (M, C) what the
# first probe says of them. Return the features and tags for training anew: the old ones, and
# after them the *hard* pictures from outside, those which the probe gives more than one half for
# some class, with no tag.

# %% exercise 05.3
def with_negatives(pooled, tags, outside, probability):
    """(N, F), (N, C) bool, (M, F), (M, C) -> (N + hard, F), (N + hard, C) bool."""
    ### BEGIN SOLUTION
    hard = probability.max(1) > 0.5
    none = np.zeros((hard.sum(), tags.shape[1]), bool)
    return np.concatenate([pooled, outside[hard]]), np.concatenate([tags, none])
    ### END SOLUTION


# %% check 05.3
check("05.3", with_negatives)

# %% [markdown]
# ## 05.4 Predict: who takes the heat off the water?
#
# In the recorded rows CAM's map of a boat puts more heat on water than water's share of the area:
# heat over area is above 1. Of the four methods "cda", "bdm", "w-ood" and "c2am" just one comes
# out below 1. Which?

# %% exercise 05.4
method = ...
### BEGIN SOLUTION
method = "c2am"
### END SOLUTION

# %% check 05.4
check("05.4", method)

# %% [markdown]
# ## 05.5 Break it: a cure that does not cure
#
# A world of two features: each row of `seen` (n, 2) is a picture and says whether there is a hull
# in it and whether there is water, 0 or 1. The tag "boat" is always true: it is there when the
# hull is. Nobody has seen a lake without a boat, so no row has water alone. But somebody *has
# pasted boats on meadows*: at least a fifth of the boats have no water, and at least a tenth of
# the pictures have no boat. Make `seen`, with 20 rows or more, such that a classifier trained on
# it calls the empty lake a boat all the same (logistic regression; P above 0.5 for water without
# a hull).

# %% exercise 05.5
seen = ...
### BEGIN SOLUTION
seen = np.array([[1, 1]] * 160 + [[1, 0]] * 40 + [[0, 0]] * 25)
### END SOLUTION

# %% check 05.5
check("05.5", seen)
