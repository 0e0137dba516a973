# %% [markdown]
# # Exercises: extra supervision
#
# Before this: [chapter 07](../07_extra_supervision.ipynb). Each cell that says
# `YOUR CODE HERE` is yours; the cell below it checks your answer and, where it is wrong, says what
# the likely mistake is. Nothing is sent anywhere.

# %%
import numpy as np
import torch

from wsss_lite.exercises import check
from wsss_lite.exercises.ch07 import iou, lake

# %% [markdown]
# ## 07.1 Fill in: what the maps say is salient
#
# EPS compares a saliency map with what the maps of all classes say is salient. `p` (B, C + 1, h, w)
# is a softmax, the background last; `salient` (B, h, w) lies in 0..1.
#
# - The *region* of a class is where its map exceeds 0.5. A tagged class is **front** if more than
#   the share `tau` of its region lies where `salient` exceeds 0.5. A class without a region is not.
# - The other tagged classes are the **rest**. Classes without a tag are neither.
# - The answer is `blend` times the maps of the front, added up, plus `1 - blend` times what the
#   background and the rest leave of 1.

# %% exercise 07.1
def fuse(p, salient, tags, tau=0.4, blend=0.5):
    """(B, C + 1, h, w), (B, h, w), (B, C) bool -> (B, h, w)."""
    ### BEGIN SOLUTION
    maps = p[:, :-1]
    region = (maps > 0.5).float()
    on = (region * (salient > 0.5)[:, None]).sum((2, 3)) / region.sum((2, 3)).clamp(min=1)
    front, rest = tags & (on > tau), tags & (on <= tau)
    front, rest = ((maps * chosen[:, :, None, None]).sum(1) for chosen in (front, rest))
    return blend * front + (1 - blend) * (1 - p[:, -1] - rest)
    ### END SOLUTION


# %% check 07.1
check("07.1", fuse)

# %% [markdown]
# ## 07.2 Predict: half of the objects missed
#
# At some threshold the masks of CAM have precision 0.5 and recall 0.6. Now each mask is multiplied
# by a saliency map of full size that is perfect, except that it overlooks every second object as a
# whole, by chance and whatever its size. Over many pictures, counted together: which precision and
# which recall has the product? (EPS with a cue like that still gained on CAM. Here you see what it
# had to put back.)

# %% exercise 07.2
precision, recall = ..., ...
### BEGIN SOLUTION
precision = 1.0  # beside the objects the cue is zero
recall = 0.6 * 0.5
### END SOLUTION

# %% check 07.2
check("07.2", (precision, recall))

# %% [markdown]
# ## 07.3 Break it: a good cue that harms, a bad one that helps
#
# A cue is worth what it is right about *where it contradicts* the map. Below are an object and a
# mask of it, 16 x 16 places: the mask has lost a strip of the object and leaks onto the water
# beneath. Make two cues. `harms` has an IoU of 0.5 or more with the object, and yet mask times cue
# is worse than the mask. `helps` has a **lower** IoU than `harms`, and mask times cue is better
# than the mask.

# %%
objects, mask = lake()  # (16, 16) bool each
for row in range(16):
    print("".join(".OL#"[o + 2 * m] for o, m in zip(objects[row], mask[row])))
print(f"O object alone, L leak, # both; IoU of the mask {iou(mask, objects):.2f}")

# %% exercise 07.3
harms, helps = ..., ...
### BEGIN SOLUTION
harms = objects.copy()
harms[4:7] = False  # it overlooks what the mask had found
helps = np.ones((16, 16), bool)
helps[12:14, 4:12] = False  # it knows nothing but where the leak is
### END SOLUTION

# %% check 07.3
check("07.3", (harms, helps))
