# %% [markdown]
# # Exercises: affinity
#
# Before this: [chapter 06](../06_affinity.ipynb). Each cell that says `YOUR CODE HERE` is yours;
# the cell below it checks your answer and, where it is wrong, says what the likely mistake is.
# Nothing is sent anywhere.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 06.1 Fill in: from affinity to transition
#
# `pairs` (P, 2) are pairs of positions of a grid with n positions, each pair once; `affinity`
# (P,) in 0..1 says how much the two vouch for each other. Write the matrix T of the walk, dense:
# both directions of a pair count the same, everyone vouches for itself with 1, strangers (no
# pair) with 0, and one step takes for every position a *mean* of those who vouch for it.

# %% exercise 06.1
def transition(affinity, pairs, n):
    """(P,) in 0..1, (P, 2) int, int -> (n, n)."""
    ### BEGIN SOLUTION
    W = np.eye(n)
    W[pairs[:, 0], pairs[:, 1]] = affinity
    W[pairs[:, 1], pairs[:, 0]] = affinity
    return W / W.sum(1, keepdims=True)
    ### END SOLUTION


# %% check 06.1
check("06.1", transition)

# %% [markdown]
# ## 06.2 Fill in: a walk
#
# Apply `steps` steps of T (n, n) to every map of `maps` (C, h, w), whose positions are numbered
# row by row. No step, no change.

# %% exercise 06.2
def walk(maps, T, steps):
    """(C, h, w), (n, n) with n = h * w, int -> (C, h, w)."""
    ### BEGIN SOLUTION
    x = maps.reshape(len(maps), -1).T  # (n, C)
    for _ in range(steps):
        x = T @ x
    return x.T.reshape(maps.shape)
    ### END SOLUTION


# %% check 06.2
check("06.2", walk)

# %% [markdown]
# ## 06.3 Predict: where it ends
#
# A street of four houses in a row, no walls: neighbours vouch for each other with 1, and each for
# itself. Only the second is heated, to 1. Each step gives every house the mean of those who vouch
# for it. How warm is the first house after ten thousand steps? It is not 1/4.

# %% exercise 06.3
warm = ...
### BEGIN SOLUTION
vouched = np.array([2, 3, 3, 2])  # how many vouch for each: who has more neighbours counts more
warm = vouched[1] / vouched.sum()
### END SOLUTION

# %% check 06.3
check("06.3", warm)

# %% [markdown]
# ## 06.4 Predict: PSA against CAM, on the way and at the end
#
# PSA lets CAM walk along a learnt affinity. Three seeds, threshold and CRF chosen on the tune
# masks for each method. Has PSA "more" mIoU than CAM, "less", or is it a "tie": in its maps, in
# the pseudo masks after the CRF, on test?

# %% exercise 06.4
psa = {"maps": ..., "pseudo": ..., "test": ...}
### BEGIN SOLUTION
psa = {"maps": "more", "pseudo": "less", "test": "less"}
### END SOLUTION

# %% check 06.4
check("06.4", psa)

# %% [markdown]
# ## 06.5 Break it: every wall leaks in time
#
# Eight houses in a row, the first five are the object, the third is heated. `vouch` (7,) are the
# affinities of neighbours, in 0..1. A house counts as object when it is warmer than half of the
# warmest. Choose `vouch` such that after 16 steps the object comes out *exactly*, and after 256
# steps with an IoU below 0.7. Then somebody has to choose the steps, and with what?

# %% exercise 06.5
vouch = ...
### BEGIN SOLUTION
vouch = np.array([1, 1, 1, 1, 0.05, 1, 1])  # a low wall, good for 16 steps
### END SOLUTION

# %% check 06.5
check("06.5", vouch)
