# %% [markdown]
# # Exercises: erasing
#
# Before this: [chapter 04](../04_erasing.ipynb). Each cell that says `YOUR CODE HERE` is yours;
# the cell below it checks your answer and, where it is wrong, says what the likely mistake is.
# Nothing is sent anywhere.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 04.1 Fill in: hide it and look again
#
# `look(hidden)` stands for a classifier: given what is hidden, (h, w) bool, it returns a new map
# (h, w) of what is left. Look once with nothing hidden. Then, `rounds` times: hide the strongest
# `share` of the positions of the *last* map (of all h times w positions, rounded, and never one
# whose value is 0), keep what was hidden before, and look again. Return the maximum of all maps,
# and what is hidden in the end.

# %% exercise 04.1
def erase(look, shape, rounds, share):
    """function, (h, w), int, 0..1 -> ((h, w) maximum of rounds + 1 maps, (h, w) bool)."""
    ### BEGIN SOLUTION
    hidden = np.zeros(shape, bool)
    new = total = look(hidden)
    for _ in range(rounds):
        edge = np.sort(new, axis=None)[-round(share * new.size)]
        hidden = hidden | ((new >= edge) & (new > 0))
        new = look(hidden)
        total = np.maximum(total, new)
    return total, hidden
    ### END SOLUTION


# %% check 04.1
check("04.1", erase)

# %% [markdown]
# ## 04.2 Predict: how much object is there to erase?
#
# A tag's object covers 15 % of its picture. Each round hides 20 % of the positions, others each
# time. Suppose the classifier is as good as can be and goes for the object first. What share of
# all that is hidden lies on the object after one round, and after two?

# %% exercise 04.2
one, two = ..., ...
### BEGIN SOLUTION
one, two = 0.15 / 0.20, 0.15 / 0.40
### END SOLUTION

# %% check 04.2
check("04.2", (one, two))

# %% [markdown]
# ## 04.3 Predict: TPL against CAM
#
# TPL hides features in place of pictures, and adds the two maps. Both methods get their best
# threshold on the tune masks; three seeds. Has TPL more, less, or is it a tie: in the recall of
# its maps, in their precision, in the mIoU of the segmenter on test? Answer each with "more",
# "less" or "tie".

# %% exercise 04.3
tpl = {"recall": ..., "precision": ..., "test": ...}
### BEGIN SOLUTION
tpl = {"recall": "more", "precision": "less", "test": "tie"}
### END SOLUTION

# %% check 04.3
check("04.3", tpl)

# %% [markdown]
# ## 04.4 Break it: a classifier that misses nothing
#
# A rule that stops erasing asks the first classifier whether it still believes. Build one that
# does not notice. Two features at 4 x 4 positions, `features` (2, 4, 4), none negative; `weight`
# (2,) and `bias`, so that P = sigmoid(weight . mean of the features + bias); and `thing` (4, 4)
# bool, the object, on at most half of the positions. P shall be above 0.9 for the whole picture,
# below 0.5 for an empty one (all features 0), and still above 0.9 when the features under the
# object are set to zero. And yet its map (weight . features) shall be strongest on the object.

# %% exercise 04.4
features, weight, bias, thing = ..., ..., ..., ...
### BEGIN SOLUTION
thing = np.zeros((4, 4), bool)
thing[1:3, 1:3] = True
features = np.stack([2.0 * thing, 1.0 * ~thing])  # a hull, and a lake round it
weight, bias = np.array([4.0, 6.0]), -2.0  # both say "boat", the hull a little louder
### END SOLUTION

# %% check 04.4
check("04.4", (features, weight, bias, thing))
