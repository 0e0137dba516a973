# %% [markdown]
# # Exercises: SAM
#
# Before this: [chapter 16](../16_sam.ipynb). Each cell that says `YOUR CODE HERE` is yours; the
# cell below it checks your answer and, where it is wrong, says what the likely mistake is. Nothing
# here needs a model: the exercises are about what is done with its answers.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 16.1 Fill in: believe, then compare
#
# A promptable segmenter gives M answers to each of K prompts, and an estimate of the IoU of each
# answer. For every prompt choose the answer with the highest estimate. Then say how good it is in
# truth: its IoU with the object that was meant, where only valid pixels count. 0 where the union is
# empty.

# %% exercise 16.1
def believed(masks, beliefs, target, valid):
    """(K, M, H, W) bool, (K, M), (K, H, W) bool, (H, W) bool -> (K,) in 0..1."""
    ### BEGIN SOLUTION
    picked = masks[np.arange(len(masks)), beliefs.argmax(1)]  # (K, H, W)
    both = (picked & target & valid).sum((1, 2))
    either = ((picked | target) & valid).sum((1, 2))
    return both / np.maximum(either, 1)
    ### END SOLUTION


# %% check 16.1
check("16.1", believed)

# %% [markdown]
# ## 16.2 Fill in: labels choose masks (SEPL)
#
# CAM's `labels` (H, W) hold 0 for the background, 255 where nothing was decided, and class numbers.
# SAM's masks have no names. A mask is offered to the class that has most of the mask's pixels
# (0 and 255 are no classes). It is taken if more than `ratio` of the mask has that label, or if it
# holds at least `cover` of all pixels of that label. Return the class that takes each mask, 0 where
# none does.

# %% exercise 16.2
def names(labels, masks, ratio=0.5, cover=0.85):
    """(H, W) uint8, (K, H, W) bool -> list of K class numbers."""
    ### BEGIN SOLUTION
    found = []
    for mask in masks:
        inside = np.bincount(labels[mask], minlength=256)
        inside[[0, 255]] = 0
        cls = int(inside.argmax())
        most = inside[cls] > ratio * mask.sum()
        whole = inside[cls] >= cover * (labels == cls).sum()
        found.append(cls if inside[cls] and (most or whole) else 0)
    return found
    ### END SOLUTION


# %% check 16.2
check("16.2", names)

# %% [markdown]
# ## 16.3 Predict: a tenth too large
#
# A square object of 40 x 40 pixels fills its box. A grounder finds it, but each side of its box
# lies a tenth of the width (or height) too far out. What is the IoU of the two boxes? That is what
# a segmenter starts from. Decide first, then write the number.

# %% exercise 16.3
iou = ...
### BEGIN SOLUTION
iou = 40**2 / 48**2
### END SOLUTION

# %% check 16.3
check("16.3", iou)

# %% [markdown]
# ## 16.4 Break it: right outlines, a wrong opinion
#
# SEPL mends edges. Draw a `truth` (16, 16) of 0 and 1, `labels` (16, 16) of 0 and 1, and a list of
# bool `masks`. All masks are right: each lies wholly on the object or wholly beside it, and one of
# them is the object itself. And yet, after SEPL (`wsss_lite.assist.choose.by_masks`, with its usual
# settings), the object's IoU is lower than the labels' own, by 0.1 at least.

# %% exercise 16.4
labels, masks, truth = ..., ..., ...
### BEGIN SOLUTION
truth = np.zeros((16, 16), np.uint8)
truth[4:8, 4:12] = 1  # a boat
water = np.zeros((16, 16), bool)
water[8:16, 4:12] = True
labels = truth.copy()
labels[8:13, 4:12] = 1  # CAM took the near half of the water for boat
masks = [truth == 1, water]
### END SOLUTION

# %% check 16.4
check("16.4", (labels, masks, truth))
