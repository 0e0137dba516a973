# %% [markdown]
# # Exercises: scribbles
#
# Before this: [chapter 12](../12_scribbles.ipynb). Each cell that says
# `YOUR CODE HERE` is yours; the cell below it checks your answer and, where it is wrong, says what
# the likely mistake is. Nothing is sent anywhere.

# %%
import torch

from wsss_lite.exercises import check
from wsss_lite.exercises.ch12 import halves, pale_row

# %% [markdown]
# ## 12.1 Fill in: partial cross-entropy
#
# `logits` (N, C, h, w) of any network, the background first; `strokes` (N, h, w) whole numbers 0 to
# C - 1, and 255 where nothing is drawn. Return the mean cross-entropy over the drawn positions of
# the batch. The others have no say. A batch without a stroke gives 0, not nan.

# %% exercise 12.1
def partial_cross_entropy(logits, strokes):
    """(N, C, h, w), (N, h, w) -> a scalar."""
    ### BEGIN SOLUTION
    known = strokes != 255
    log_p = logits.log_softmax(1).permute(0, 2, 3, 1)[known]  # (K, C), a row a drawn position
    drawn = log_p.gather(1, strokes[known][:, None])
    return -drawn.sum() / known.sum().clamp(min=1)
    ### END SOLUTION


# %% check 12.1
check("12.1", partial_cross_entropy)

# %% [markdown]
# ## 12.2 Fill in: the normalised cut
#
# `p` (C, n) are soft labels of n positions, `K` (n, n) says how alike two positions are. Write
#
# $$N = \frac1C \sum_c \frac{p_c^\top K (1 - p_c)}{d^\top p_c}, \quad d_i = \sum_j K_{ij}$$
#
# A class that has no position at all counts with 0.

# %% exercise 12.2
def normalised_cut(p, K):
    """(C, n), (n, n) -> a scalar in 0..1."""
    ### BEGIN SOLUTION
    torn = ((p @ K) * (1 - p)).sum(1)
    connected = p @ K.sum(1)
    return (torn / connected.clamp(min=1e-12)).mean()
    ### END SOLUTION


# %% check 12.2
check("12.2", normalised_cut)

# %% [markdown]
# ## 12.3 Fill in: two opinions
#
# What all pictures taught (`learnt`) and what this one says (`own`), both (C, H, W) probabilities
# as NumPy arrays. Return their product, `learnt` to the power 1 - `power` and `own` to the `power`,
# such that the classes add up to 1 at each place. Add 1e-3 to both first: who gives a class 0
# should not have a veto.

# %% exercise 12.3
def product(learnt, own, power):
    """Two (C, H, W) arrays and a number in 0..1 -> (C, H, W)."""
    ### BEGIN SOLUTION
    both = (learnt + 1e-3) ** (1 - power) * (own + 1e-3) ** power
    return both / both.sum(0)
    ### END SOLUTION


# %% check 12.3
check("12.3", product)

# %% [markdown]
# ## 12.4 Predict: an object twice as large
#
# A hundred positions, all equally alike, 10 of them labelled object and 90 background. Now the
# object gets 20 positions. By which factor does the CRF energy change, and by which the normalised
# cut? (1 means that it stays.)

# %% exercise 12.4
energy_factor, cut_factor = ..., ...
### BEGIN SOLUTION
energy_factor = (20 * 80) / (10 * 90)  # torn pairs
cut_factor = 1  # n / (2 (n - 1)), whatever the split
### END SOLUTION

# %% check 12.4
check("12.4", (energy_factor, cut_factor))

# %% [markdown]
# ## 12.5 Break it: an energy eats the object
#
# The row of the chapter with its *pale* object: 24 positions, the first six a little lighter. `p`
# of the truth is `halves(6, 24)`: class 0 is the object, class 1 the background. There are two
# strokes: object at position 0, background at position 15. Make `p` (2, 24), probabilities that add
# up to 1 at each position and give each stroke's class more than 0.9, such that the CRF energy is
# **lower** than that of the truth, and of the object's six positions at most two are left.

# %%
truth, kernel = halves(6, 24), pale_row()  # (2, 24), (1, 24, 24)
print(f"position 0 and its neighbour on the object are alike by {kernel[0, 0, 1]:.2f}, "
      f"positions 5 and 6 across its border by {kernel[0, 5, 6]:.2f}")

# %% exercise 12.5
p = ...
### BEGIN SOLUTION
p = halves(1, 24)  # only the stroke itself holds against the energy
### END SOLUTION

# %% check 12.5
check("12.5", p)
