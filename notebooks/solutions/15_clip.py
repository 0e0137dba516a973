# %% [markdown]
# # Exercises: CLIP
#
# Before this: [chapter 15](../15_clip.ipynb). Each cell that says `YOUR CODE HERE` is yours; the
# cell below it checks your answer and, where it is wrong, says what the likely mistake is.

# %%
import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.assist.captions import every_word
from wsss_lite.data.casting import CLASSES
from wsss_lite.exercises import check

# %% [markdown]
# ## 15.1 Fill in: each picture finds its sentence
#
# `pictures` and `texts` (B, D) come out of two towers, row by row a pair, and are of any length.
# Write InfoNCE: both brought to length 1; the matrix of all cosines times the scale; each picture
# finds its text among the B texts (a cross-entropy, mean over the pictures), each text its picture
# among the B pictures; the mean of these two.

# %% exercise 15.1
def contrastive(pictures, texts, scale):
    """(B, D), (B, D), 1 / temperature -> one number."""
    ### BEGIN SOLUTION
    match = scale * F.normalize(pictures, dim=1) @ F.normalize(texts, dim=1).T  # (B, B)
    own = torch.arange(len(match))
    return (F.cross_entropy(match, own) + F.cross_entropy(match.T, own)) / 2
    ### END SOLUTION


# %% check 15.1
check("15.1", contrastive)

# %% [markdown]
# ## 15.2 Fill in: the map of a text, with rivals
#
# `dense` (N, D, h, w) has a vector of any length at each place. `texts` (C, D) are the classes and
# `ground` (B, D) the surroundings, all of length 1; `tags` (N, C) say which classes a picture has.
# At each place: the cosine with every text, times the scale; a softmax over the texts of the
# picture's *own* classes and of all surroundings. Return the classes' probabilities, each map
# divided by its own maximum, and zeros where there is no tag. B may be 0.

# %% exercise 15.2
def text_maps(dense, texts, ground, scale, tags):
    """-> (N, C, h, w) in 0..1."""
    ### BEGIN SOLUTION
    every = torch.cat([texts, ground])
    logits = scale * torch.einsum("kd,ndhw->nkhw", every, F.normalize(dense, dim=1))
    there = torch.cat([tags, torch.ones(len(tags), len(ground), dtype=torch.bool)], 1)
    logits = logits.masked_fill(~there[:, :, None, None], -torch.inf)
    maps = logits.softmax(1)[:, : len(texts)]
    return maps / maps.amax((2, 3), keepdim=True).clamp(min=1e-12)
    ### END SOLUTION


# %% check 15.2
check("15.2", text_maps)

# %% [markdown]
# ## 15.3 Predict: four times "a boat at a lake"
#
# A batch of eight pictures and their captions. Four of the captions are the same sentence, the
# other four are all different. The towers are as good as can be, and the scale is as large as you
# like. How low can your `contrastive` get? Decide first, then write the number.

# %% exercise 15.3
least = ...
### BEGIN SOLUTION
least = 4 / 8 * np.log(4)  # four of the eight can only toss a coin with four sides
### END SOLUTION

# %% check 15.3
check("15.3", least)

# %% [markdown]
# ## 15.4 Break it: a boat that nobody mentioned
#
# The pocket CLIP has learnt from captions of drawn scenes. Write a sentence that names none of the
# eight classes, by any of their names, and that is nearer to "a boat" than to any other class, with
# a cosine of 0.8 or more. Use words that captions had. (The check embeds your sentence.)

# %%
print(*every_word(CLASSES))  # all words that a caption can have

# %% exercise 15.4
sentence = ...
### BEGIN SOLUTION
sentence = "a lake with some sky"
### END SOLUTION

# %% check 15.4
check("15.4", sentence)
