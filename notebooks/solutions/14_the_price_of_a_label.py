# %% [markdown]
# # Exercises: the price of a label
#
# Before this: [chapter 14](../14_the_price_of_a_label.ipynb). Each cell that says `YOUR CODE HERE`
# is yours; the cell below it checks your answer and, where it is wrong, says what the likely
# mistake is.

# %%
from wsss_lite.data.weak import ANNOTATION_SECONDS
from wsss_lite.exercises import check

print(ANNOTATION_SECONDS)

# %% [markdown]
# ## 14.1 Fill in: from hours to pictures
#
# How many pictures with labels of a kind do some hours buy? `price` is {kind: seconds a picture};
# the kinds are tags, points, scribbles, boxes and full (masks). Every kind but masks has `tune`
# pictures that carry the label *and* a mask, and pays for both before anything else. There are only
# `stock` pictures to label. A picture that is half paid is not labelled.

# %% exercise 14.1
def pictures(kind, hours, price, tune=20, stock=1000):
    """A number of pictures, 0 to `stock`."""
    ### BEGIN SOLUTION
    fixed = 0 if kind == "full" else tune * (price[kind] + price["full"])
    left = max(0, 3600 * hours - fixed)
    return min(int(left / price[kind]), stock)
    ### END SOLUTION


# %% check 14.1
check("14.1", pictures)

# %% [markdown]
# ## 14.2 Fill in: prices of your own
#
# The sum behind the prices. A tag takes a second for each class that could be there. Whoever
# clicks, draws or outlines spends a second on each class that is *not* there, and then: 2.4 s on a
# click and 10.9 s on a stroke, one for each class that is there; 7 s on a box and 79 s on an
# outline, one for each object. Return the seconds a picture of all five kinds.

# %% exercise 14.2
def seconds(classes, present, objects):
    """{kind: seconds}, from the number of classes, and how many classes and objects a picture has.

    kind: tags, points, scribbles, boxes, full.
    """
    ### BEGIN SOLUTION
    absent = classes - present
    return {
        "tags": classes,
        "points": absent + 2.4 * present,
        "scribbles": absent + 10.9 * present,
        "boxes": absent + 7 * objects,
        "full": absent + 79 * objects,
    }
    ### END SOLUTION


# %% check 14.2
check("14.2", seconds)

# %% [markdown]
# ## 14.3 Predict: twelve hours
#
# A thousand pictures are at hand and twelve hours of a careful person, at the counted prices. Your
# `pictures` says what they buy. Which kind ends with the best mIoU on test, which with the worst?
# Write both, out of `"tags"`, `"points"`, `"scribbles"`, `"boxes"` and `"masks"`. (The check reads
# the recorded runs; where two are a tie it takes either.)

# %% exercise 14.3
first, last = ..., ...
### BEGIN SOLUTION
first, last = "scribbles", "tags"
### END SOLUTION

# %% check 14.3
check("14.3", (first, last))

# %% [markdown]
# ## 14.4 Break it: masks win
#
# Again twelve hours and the counted prices. Take away pictures: find a `stock` with which masks
# lead and nothing ties with them, and with which all five kinds have been tried.

# %% exercise 14.4
stock = ...
### BEGIN SOLUTION
stock = 120
### END SOLUTION

# %% check 14.4
check("14.4", stock)
