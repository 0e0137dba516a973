# %% [markdown]
# # Exercises: the ladder
#
# Before this: [chapter 17](../17_the_ladder.ipynb). Each cell that says `YOUR CODE HERE` is yours;
# the cell below it checks your answer and, where it is wrong, says what the likely mistake is.

# %%
import numpy as np

from wsss_lite.exercises import check
from wsss_lite.exercises.ch17 import published

# %% [markdown]
# ## 17.1 Fill in: Kendall's tau
#
# Two numbers for each of some methods, no two of them equal. Look at every pair of methods: do both
# lists put it the same way round? Then +1. The other way round? Then -1. Return the sum, divided by
# the number of pairs.

# %% exercise 17.1
def kendall(a, b):
    """Two lists of n numbers -> one number in -1..1."""
    ### BEGIN SOLUTION
    total, pairs = 0, 0
    for i in range(len(a)):
        for j in range(i):
            total += np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
            pairs += 1
    return total / pairs
    ### END SOLUTION


# %% check 17.1
check("17.1", kendall)

# %% [markdown]
# ## 17.2 Fill in: an effect, or noise?
#
# `better` and `than` hold the scores of two methods, seed by seed. Return three things: the mean of
# the differences; its noise, which is two standard errors of the differences (spread with n - 1,
# over the root of n); and a verdict. The effect `"holds"` if the difference is above the noise,
# `"fails"` if it is below minus the noise, and is a `"tie"` in between.

# %% exercise 17.2
def judged(better, than):
    """Two lists of scores -> (difference, noise, verdict)."""
    ### BEGIN SOLUTION
    gain = np.subtract(better, than)
    noise = 2 * gain.std(ddof=1) / np.sqrt(len(gain))
    verdict = "holds" if gain.mean() > noise else "fails" if gain.mean() < -noise else "tie"
    return gain.mean(), noise, verdict
    ### END SOLUTION


# %% check 17.2
check("17.2", judged)

# %% [markdown]
# ## 17.3 Predict: what orders the papers' numbers?
#
# Nearly thirty methods of tags have a number on VOC val in the literature. Guess two taus, each to
# a quarter: of that number with our own test score, and of that number with the *year* of the
# paper. (The check computes both from the recorded rows.)

# %% exercise 17.3
with_ours, with_year = ..., ...
### BEGIN SOLUTION
with_ours, with_year = 0.0, 0.75
### END SOLUTION

# %% check 17.3
check("17.3", (with_ours, with_year))

# %% [markdown]
# ## 17.4 Break it: a tau of one's choice
#
# `known` has three numbers for each of these methods: VOC val in the literature, our test score,
# the year. Choose eight of the methods, so that tau of the first two numbers is above 0.5. Then
# imagine the sentence that one could write about it.

# %%
known = published()
print(len(known), "methods:", *known)

# %% exercise 17.4
eight = ...
### BEGIN SOLUTION
rng, names, best = np.random.default_rng(0), list(known), -1
for _ in range(3000):
    some = rng.choice(names, 8, replace=False)
    voc, test, _ = np.array([known[name] for name in some]).T
    if kendall(voc, test) > best:
        best, eight = kendall(voc, test), some
### END SOLUTION

# %% check 17.4
check("17.4", eight)
