# %% [markdown]
# # Exercises: transformers, and training in one stage
#
# Before this: [chapter 09](../09_transformers_and_online.ipynb). Each cell that says
# `YOUR CODE HERE` is yours; the cell below it checks your answer and, where it is wrong, says what
# the likely mistake is. Nothing is sent anywhere.

# %%
import torch

from wsss_lite.exercises import check

# %% [markdown]
# ## 09.1 Fill in: maps that flow along attention
#
# A layer gives `logits` (B, heads, T, T), query times key: the row asks, the column is asked. The T
# = C + h·w tokens are the C classes first and then the patches in reading order. Leave the class
# tokens out, so that the patches have only each other to look at; make each patch's row a weight of
# sum 1; take the mean over the heads. Then let each patch **take** the mean of the maps, weighted
# by its own row.

# %% exercise 09.1
def flow(maps, logits):
    """(B, C, h, w), (B, heads, C + h w, C + h w) -> (B, C, h, w)."""
    ### BEGIN SOLUTION
    classes = maps.shape[1]
    pairs = logits[:, :, classes:, classes:].softmax(-1).mean(1)  # (B, h w, h w)
    return torch.einsum("bcj,bij->bci", maps.flatten(2), pairs).reshape(maps.shape)
    ### END SOLUTION


# %% check 09.1
check("09.1", flow)

# %% [markdown]
# ## 09.2 Predict: three poolings of one map
#
# A map of 10 x 10 places. On 3 x 3 of them a class has won: its mask is 1 and its evidence 4.
# Elsewhere the mask is 0 and the evidence -1. Which score does the class get from the mean (GAP),
# from the maximum (GMP), and from the mean under the mask (nGWP, the sum of mask times evidence by
# 1 plus the sum of the mask)?

# %% exercise 09.2
scores = {"GAP": ..., "GMP": ..., "nGWP": ...}
### BEGIN SOLUTION
scores = {"GAP": (9 * 4 - 91) / 100, "GMP": 4, "nGWP": 9 * 4 / (1 + 9)}
### END SOLUTION

# %% check 09.2
check("09.2", scores)

# %% [markdown]
# ## 09.3 Break it: a mask that vanishes
#
# Why does SSSS need its penalty? Make the evidence (8, 8) of one class, beside a background whose
# logit is 1 everywhere. The masks are the softmax of the two. Without the penalty the class should
# score above 2, though its mask has less than 5 % of the picture. With the penalty,
# $(1 - a)^3 \log(0.01 + a)$ for a mask of mean $a$, the same class should score below 0.

# %% exercise 09.3
evidence = ...
### BEGIN SOLUTION
evidence = torch.full((8, 8), -10.0)
evidence[3, 3] = 4.5  # one sure place: 4.5 / (1 + 1)
### END SOLUTION

# %% check 09.3
check("09.3", evidence)

# %% [markdown]
# ## 09.4 Predict: told and not told
#
# The maps of the training scenes are told the tags, the segmenter on test is not. That should cost
# something. Yet one of four methods scores *higher* on test than its maps did on the training
# scenes, or at least loses the least. Which one: `"cam"`, `"ssss"`, `"rrm"` or `"afa"`? Say why to
# yourself before you check.

# %% exercise 09.4
method = ...
### BEGIN SOLUTION
method = "cam"  # its maps are rough, and a second network with fine features learns from them
### END SOLUTION

# %% check 09.4
check("09.4", method)
