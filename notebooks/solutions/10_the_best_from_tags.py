# %% [markdown]
# # Exercises: noisy labels, and the best from tags alone
#
# Before this: [chapter 10](../10_the_best_from_tags.ipynb). Each cell that says
# `YOUR CODE HERE` is yours; the cell below it checks your answer and, where it is wrong, says what
# the likely mistake is. Nothing is sent anywhere.

# %%
import numpy as np

from wsss_lite.exercises import check
from wsss_lite.exercises.ch10 import majority, one_object

# %% [markdown]
# ## 10.1 Fill in: gate, and label what is sure
#
# Two blocks of the pipeline in one (the CRF between them is left out here). `maps` (C, h, w) of one
# picture are multiplied by its foreground map `front` (h, w) to a `power`, and each map is divided
# by its maximum; a map of zeros stays zero. Then a place whose strongest map exceeds `high` gets
# that class (1 to C), a place where no map exceeds `low` is background (0), and what lies between
# gets no label (255).

# %% exercise 10.1
def sure_labels(maps, front, power=2.0, low=0.1, high=0.3):
    """(C, h, w) and (h, w), NumPy arrays in 0..1 -> (h, w) labels."""
    ### BEGIN SOLUTION
    maps = maps * front**power
    maps = maps / np.maximum(maps.max((1, 2), keepdims=True), 1e-12)
    best, height = maps.argmax(0) + 1, maps.max(0)
    return np.where(height > high, best, np.where(height > low, 255, 0))
    ### END SOLUTION


# %% check 10.1
check("10.1", sure_labels)

# %% [markdown]
# ## 10.2 Predict: two kinds of noise
#
# One label in five is wrong. Far from any outline, each place is given what most of the 25 labels
# of the 5 x 5 around it say, which is a rough picture of what a segmenter does with its labels.
# Which share is wrong afterwards if the wrong labels are *scattered*, each place by its own throw
# of the dice? And if they come in *pieces* of 20 x 20 places? Write two shares between 0 and 1.

# %% exercise 10.2
scattered, pieces = ..., ...
### BEGIN SOLUTION
scattered = 0.0  # 13 wrong ones of 25, where 5 are to be expected
pieces = 0.2  # inside a piece the wrong label is the majority; a few corners go
### END SOLUTION

# %% check 10.2
check("10.2", (scattered, pieces))

# %% [markdown]
# ## 10.3 Break it: few wrong labels that do more harm than many
#
# `truth` (64, 64) has one object of 24 x 24 places, 1 on 0. Make two sets of labels for it: `few`
# with at most 10 % of its labels wrong, `many` with at least 30 % wrong. After the vote of 5 x 5
# places (`majority`, given) `few` should have **more** wrong places than `many`.

# %%
truth = one_object()
print(f"{(majority(truth) != truth).mean():.1%} wrong after a vote on the truth: its corners")

# %% exercise 10.3
few, many = ..., ...
### BEGIN SOLUTION
few = truth.copy()
few[20:36, 20:44] = 0  # two thirds of the object are missed, in one piece
flipped = np.random.default_rng(0).random(truth.shape) < 0.32
many = np.where(flipped, 1 - truth, truth)
### END SOLUTION

# %% check 10.3
check("10.3", (few, many))

# %% [markdown]
# ## 10.4 Fill in: a label that wavers
#
# URN's weight. The response of each class is raised to S powers in turn; `votes` (S, C, h, w) says
# at which of them the label of a place is that class. The uncertainty of a class at a place is the
# variance of its votes (divided by S), as a share of 1/4, the most it can be. That of the place is
# the largest over the classes, $u$, and the weight of its label $e^{-\text{strength} \cdot u}$.

# %% exercise 10.4
def trust(votes, strength=3.0):
    """(S, C, h, w) bool, NumPy -> (h, w) weights."""
    ### BEGIN SOLUTION
    unsure = (votes.var(0) / 0.25).max(0)
    return np.exp(-strength * unsure)
    ### END SOLUTION


# %% check 10.4
check("10.4", trust)
