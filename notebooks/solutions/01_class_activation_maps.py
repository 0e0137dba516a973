# %% [markdown]
# # Exercises: class activation maps
#
# Before this: [chapter 01](../01_class_activation_maps.ipynb). Each cell that says
# `YOUR CODE HERE` is yours; the cell below it checks your answer and, where it is wrong, says what
# the likely mistake is. Nothing is sent anywhere.

# %%
import torch

from wsss_lite.exercises import check

# %% [markdown]
# ## 01.1 Fill in: a map from features and weights
#
# A trunk gives `features` (N, F, h, w), a linear classifier on their average has `weight` (C, F).
# Write the class activation maps of all classes: the classifier's weights applied at every
# position, what speaks against a class dropped, each map divided by its own maximum, and the maps
# of classes without a tag set to zero. A map that is zero everywhere stays zero.

# %% exercise 01.1
def cam(features, weight, tags):
    """(N, F, h, w), (C, F), (N, C) of 0 and 1 -> (N, C, h, w) in 0..1."""
    ### BEGIN SOLUTION
    maps = torch.einsum("cf,nfhw->nchw", weight, features).clamp(min=0)
    maps = maps / maps.amax((2, 3), keepdim=True).clamp(min=1e-12)
    return maps * tags[:, :, None, None]
    ### END SOLUTION


# %% check 01.1
check("01.1", cam)

# %% [markdown]
# ## 01.2 Predict: the score, taken apart
#
# A picture's score for "dog" is 3.2, with a bias of 0.7 in it. Its map, before the ReLU and the
# division, is `activation` (h, w) at 16 x 16 positions. What is the *sum* over these 256 positions?
# Decide first, then write the number.

# %% exercise 01.2
total = ...
### BEGIN SOLUTION
total = (3.2 - 0.7) * 16 * 16
### END SOLUTION

# %% check 01.2
check("01.2", total)

# %% [markdown]
# ## 01.3 Break it: a class that vanishes
#
# Division by the maximum hides how strong a map was. Make `features` (1, 2, 4, 4) and `weight`
# (2, 2) such that the classifier's score (weights on the *averaged* features, no bias) is negative
# for class 0, and yet its map, made with your `cam`, reaches 1 somewhere. Then a wrong tag gives a
# map that looks as sure as a right one.

# %% exercise 01.3
features, weight = ..., ...
### BEGIN SOLUTION
features = torch.zeros(1, 2, 4, 4)
features[0, 0, 0, 0] = 1.0  # a small thing that speaks for class 0
features[0, 1] = 1.0  # and everything that speaks against it
weight = torch.tensor([[1.0, -0.5], [0.0, 1.0]])
### END SOLUTION

# %% check 01.3
check("01.3", (features, weight))
