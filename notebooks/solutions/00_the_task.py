# %% [markdown]
# # Exercises: the task
#
# Before this: [chapter 00](../00_the_task.ipynb). Each cell that says `YOUR CODE HERE` is yours;
# the cell below it checks your answer and, where it is wrong, says what the likely mistake is.
# Nothing is sent anywhere.

# %%
import numpy as np

from wsss_lite.exercises import check

# %% [markdown]
# ## 00.1 Fill in: mIoU from one confusion matrix
#
# `truth` and `pred` are the masks of several pictures, (N, H, W) uint8: 0 is background, 255 in
# the truth is void. Write the score as this course has it: *one* confusion matrix for all
# pictures, void left out, background included, the mean over the classes that occur in truth or
# prediction. (21 classes and a byte: mind what `21 * truth` does.)

# %% exercise 00.1
def miou(truth, pred, classes):
    """(N, H, W) and (N, H, W) uint8 -> one number in 0..1."""
    ### BEGIN SOLUTION
    known = truth != 255
    pair = classes * truth[known].astype(int) + pred[known]
    matrix = np.bincount(pair, minlength=classes**2).reshape(classes, classes)
    hit = np.diag(matrix)
    union = matrix.sum(0) + matrix.sum(1) - hit
    return (hit[union > 0] / union[union > 0]).mean()
    ### END SOLUTION


# %% check 00.1
check("00.1", miou)

# %% [markdown]
# ## 00.2 Predict: what forty hours buy
#
# Somebody gives you 40 hours of annotation at the prices of chapter 00: 20 seconds for the tags
# of a picture, 240 for its mask. First come 20 pictures of `tune`, which get tags *and* masks.
# The rest goes into tags of training pictures. How many training pictures will you have?

# %% exercise 00.2
pictures = ...
### BEGIN SOLUTION
pictures = (40 * 3600 - 20 * (20 + 240)) / 20
### END SOLUTION

# %% check 00.2
check("00.2", pictures)

# %% [markdown]
# ## 00.3 Predict: one matrix, or a mean of pictures?
#
# Two pictures of 1000 pixels, one cat in each. In the first the cat has 10 pixels; a method finds
# all of them and calls 30 pixels of background cat as well. In the second it has 90; the method
# finds 81 and makes no other mistake. What is the IoU of *cat* over both pictures, by the
# protocol of this course? Two decimals are enough.

# %% exercise 00.3
cat = ...
### BEGIN SOLUTION
cat = (10 + 81) / (10 + 30 + 90)  # hits over union, added up before they are divided
### END SOLUTION

# %% check 00.3
check("00.3", cat)

# %% [markdown]
# ## 00.4 Break it: more pixels right, and worse
#
# Below is the truth of a small picture. Make two predictions of it: the first has *more* pixels
# right than the second, and an mIoU that is lower by more than 0.1. Then you know why this field
# does not count pixels.

# %%
from wsss_lite.exercises.ch00 import board

truth = board()
print(truth)

# %% exercise 00.4
first, second = ..., ...
### BEGIN SOLUTION
first, second = truth.copy(), truth.copy()
first[truth == 1] = 0  # four pixels wrong, and they were all that class had
second[0, :6] = 2  # six pixels wrong, of a class that has many
### END SOLUTION

# %% check 00.4
check("00.4", (first, second))
