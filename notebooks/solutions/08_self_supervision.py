# %% [markdown]
# # Exercises: self-supervision
#
# Before this: [chapter 08](../08_self_supervision.ipynb). Each cell that says
# `YOUR CODE HERE` is yours; the cell below it checks your answer and, where it is wrong, says what
# the likely mistake is. Nothing is sent anywhere.

# %%
import torch
import torch.nn.functional as F

from wsss_lite.exercises import check

# %% [markdown]
# ## 08.1 Fill in: equivariant regularisation
#
# SEAM's first loss: the map of the picture, made small, should be the map of the small picture.
# `one` (B, C, H, W) are the maps of pictures, `two` (B, C, h, w) those of their smaller copies.
# Bring `one` to the size of `two` (bilinear, `F.interpolate` has it), and return the mean absolute
# difference over all positions of the **tagged** classes. Each tag of the batch counts the same. A
# batch without any tag gives 0.

# %% exercise 08.1
def equivariance(one, two, tags):
    """(B, C, H, W), (B, C, h, w), (B, C) bool -> a scalar."""
    ### BEGIN SOLUTION
    small = F.interpolate(one, two.shape[-2:], mode="bilinear")
    each = (small - two).abs().mean((2, 3))  # (B, C)
    present = tags.float()
    return (each * present).sum() / present.sum().clamp(min=1)
    ### END SOLUTION


# %% check 08.1
check("08.1", equivariance)

# %% [markdown]
# ## 08.2 Predict: one hot cell, elsewhere
#
# A map of 14 x 14 cells is 1 in one cell and 0 in all others. The map of the mirrored picture, put
# back, is 1 in one cell too, in another one. What is their **difference**, the mean of |a - b|? And
# their **dissimilarity**, the sum of |a - b| by the sum of a + b? (In the chapter's table of
# forgeries you find both for CAM and its smaller copy.)

# %% exercise 08.2
difference, apart = ..., ...
### BEGIN SOLUTION
difference = 2 / 196
apart = 2 / 2
### END SOLUTION

# %% check 08.2
check("08.2", (difference, apart))

# %% [markdown]
# ## 08.3 Break it: more agreement, the same masks
#
# Forge the dissimilarity. Write a function that changes maps (N, C, h, w) in 0..1, one view at a
# time and without knowing the other, such that the dissimilarity of two views falls by a third at
# least, and nothing is won by it: the order of the cells of each map stays what it is, so that
# every mask some threshold could cut out can still be cut out, and no other. Each map keeps its
# maximum of 1.

# %% exercise 08.3
def forge(maps):
    """(N, C, h, w) in 0..1, the maximum of each map 1 -> the same, vaguer."""
    ### BEGIN SOLUTION
    return maps**0.25
    ### END SOLUTION


# %% check 08.3
check("08.3", forge)
