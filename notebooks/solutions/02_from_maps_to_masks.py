# %% [markdown]
# # Exercises: from maps to masks
#
# Before this: [chapter 02](../02_from_maps_to_masks.ipynb). Each cell that says `YOUR CODE HERE`
# is yours; the cell below it checks your answer and, where it is wrong, says what the likely
# mistake is. Nothing is sent anywhere.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 02.1 Fill in: seeds
#
# `maps` (C, H, W) are in 0..1, one map an object class. Above `high` a pixel is the class with the
# largest map, numbered from 1; at `low` or below in all maps it is background, 0; in between it is
# undecided, 255.

# %% exercise 02.1
def seeds(maps, low, high):
    """(C, H, W) in 0..1 -> (H, W) of 0, 1..C and 255."""
    ### BEGIN SOLUTION
    best, height = maps.argmax(0) + 1, maps.max(0)
    return np.where(height > high, best, np.where(height > low, 255, 0))
    ### END SOLUTION


# %% check 02.1
check("02.1", seeds)

# %% [markdown]
# ## 02.2 Fill in: a threshold, chosen honestly
#
# `tune` and `test` hold confusion matrices, (pictures, thresholds, classes, classes), one for
# each picture and threshold, rows true. Return two numbers: the threshold that a weak method may
# use, and the mIoU that it may report. (The score of the protocol: matrices of all pictures added
# first.)

# %% exercise 02.2
def honest(tune, test, thresholds):
    """(n, T, C, C), (m, T, C, C), (T,) -> (threshold, mIoU in 0..1)."""
    ### BEGIN SOLUTION
    def miou(matrices):  # (T, C, C) -> (T,)
        hit = np.einsum("tcc->tc", matrices)
        return (hit / (matrices.sum(1) + matrices.sum(2) - hit)).mean(1)

    best = miou(tune.sum(0)).argmax()
    return thresholds[best], miou(test.sum(0))[best]
    ### END SOLUTION


# %% check 02.2
check("02.2", honest)

# %% [markdown]
# ## 02.3 Fill in: the mean field of a CRF
#
# `p` (C, n) are the class probabilities of n pixels, before the CRF. `pull` (n, n) says how
# strongly each pixel pulls on each other one; it is symmetric. Everyone starts with the opinion
# of the unary, then, `steps` times, hears the others and updates, *without forgetting the unary*.
# Return the probabilities after the last step.

# %% exercise 02.3
def mean_field(p, pull, steps):
    """(C, n) sums to 1 over classes, (n, n), int -> (C, n), sums to 1 over classes."""
    ### BEGIN SOLUTION
    q = p
    for _ in range(steps):
        q = p * np.exp(q @ pull)  # exp(-unary + q @ pull): the unary is -log p
        q = q / q.sum(0)
    return q
    ### END SOLUTION


# %% check 02.3
check("02.3", mean_field)

# %% [markdown]
# ## 02.4 Predict: two oracles
#
# A map, cut at its threshold, hits 60 pixels of cats, misses 40 and leaks onto 20 pixels of
# background: IoU 60 / 120. One oracle takes the leaks away, another fills in the misses; each
# leaves the rest alone. What IoU does each reach? Decide first which of the two gains more.

# %% exercise 02.4
no_leaks, no_misses = ..., ...
### BEGIN SOLUTION
no_leaks = 60 / (60 + 40)
no_misses = (60 + 40) / (60 + 40 + 20)
### END SOLUTION

# %% check 02.4
check("02.4", (no_leaks, no_misses))

# %% [markdown]
# ## 02.5 Break it: a CRF that does harm
#
# Paint a picture, (32, 32, 3) uint8, and say which pixels are the object, `truth` (32, 32) bool,
# and what its map is, `heat` (32, 32) in 0..1. Cut at 0.5 the map shall be good, mIoU at least
# 0.7. After the course's dense CRF (default settings, background 0.5) it shall be worse by at
# least 0.1. Which two ways of failing does chapter 02 name?

# %% exercise 02.5
image, heat, truth = ..., ..., ...
### BEGIN SOLUTION
truth = np.zeros((32, 32), bool)
truth[12:20, 12:20] = True
heat = np.where(truth, 0.8, 0.1)
image = np.full((32, 32, 3), 128, np.uint8)  # the object has the colour of what is around it
### END SOLUTION

# %% check 02.5
check("02.5", (image, heat, truth))
