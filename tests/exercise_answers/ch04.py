"""Answers to the exercises of chapter 04, right and wrong."""

import numpy as np


def rounds_of(merge=np.maximum, pick=None, keep=True, extra=0, last=True, start=False, of="new"):
    """Erasing round by round, with one step changed."""

    def strongest(m, share):
        order = np.argsort(-m, axis=None)[: round(share * m.size)]
        mask = np.zeros(m.size, bool)
        mask[order] = True
        return mask.reshape(m.shape) & (m > 0)

    def erase(look, shape, rounds, share):
        hidden = np.full(shape, start)
        new = total = first = look(hidden)
        shown = hidden
        for _ in range(rounds + extra):
            source = {"new": new, "total": total, "first": first}[of]
            region = (pick or strongest)(source, share)
            shown, hidden = hidden, (hidden | region) if keep else region
            new = look(hidden)
            total = merge(total, new)
        return total, hidden if last else shown

    return erase


def with_zeros(m, share):
    order = np.argsort(-m, axis=None)[: round(share * m.size)]
    return np.isin(np.arange(m.size), order).reshape(m.shape)


def of_positive(m, share):
    return m >= np.sort(m[m > 0])[-max(1, round(share * (m > 0).sum()))]


def no_last_look(look, shape, rounds, share):
    hidden, total = np.zeros(shape, bool), np.zeros(shape)
    for _ in range(rounds):
        new = look(hidden)
        total = np.maximum(total, new)
        hidden = hidden | with_zeros(new, share) & (new > 0)
    return total, hidden


def by_hand(look, shape, rounds, share):
    """Position by position."""
    hidden = np.zeros(shape, bool)
    maps = [look(hidden)]
    for _ in range(rounds):
        places = sorted(np.ndindex(*shape), key=lambda at: -maps[-1][at])
        for at in places[: round(share * shape[0] * shape[1])]:
            if maps[-1][at] > 0:
                hidden[at] = True
        maps.append(look(hidden.copy()))
    return np.max(maps, axis=0), hidden


thing = np.zeros((4, 4), bool)
thing[1:3, 1:3] = True


def belief(hull=4.0, lake=6.0, bias=-2.0, on=2.0, round_it=1.0, where=thing):
    return np.stack([on * where, round_it * ~where]), np.array([hull, lake]), bias, where


ANSWERS = {
    "04.1": {
        "right": {"by hand": by_hand, "with argsort": rounds_of()},
        "wrong": {
            "shown again": rounds_of(keep=False),
            "the last map": rounds_of(merge=lambda a, b: b),
            "the first map": rounds_of(merge=lambda a, b: a),
            "the sum": rounds_of(merge=np.add),
            "the minimum": rounds_of(merge=np.minimum),
            "zeros are hidden": rounds_of(pick=with_zeros),
            "above 1 - share": rounds_of(pick=lambda m, s: m > 1 - s),
            "above the share": rounds_of(pick=lambda m, s: m > s),
            "share of the positive": rounds_of(pick=of_positive),
            "the weakest": rounds_of(pick=lambda m, s: with_zeros(-m, s) & (m >= 0)),
            "the strongest of the united map": rounds_of(of="total"),
            "always the first map": rounds_of(of="first"),
            "a round too many": rounds_of(extra=1),
            "a round too few": rounds_of(extra=-1),
            "hidden of the last look but one": rounds_of(last=False),
            "all hidden at the start": rounds_of(start=True),
            "no last look": no_last_look,
            "the map alone": lambda *given: rounds_of()(*given)[0],
            "exchanged": lambda *given: rounds_of()(*given)[::-1],
            "never looks": lambda look, shape, rounds, share: (np.ones(shape), np.ones(shape)),
        },
    },
    "04.2": {
        "right": {"exact": (0.15 / 0.2, 0.15 / 0.4), "rounded": [0.75, 0.38]},
        "wrong": {
            "always the same": (0.75, 0.75),
            "of the picture": (0.15, 0.15),
            "squared": (0.75, 0.75**2),
            "nothing is left": (0.75, 0.0),
            "all of it": (1.0, 0.75),
            "15 of 20, 15 of 36": (0.75, 0.15 / 0.36),
            "upside down": (0.2 / 0.15, 0.4 / 0.15),
            "per cent": (75, 37.5),
            "one number": 0.75,
        },
    },
    "04.3": {
        "right": {
            "as recorded": {"recall": "more", "precision": "less", "test": "tie"},
            "in capitals": {"test": "Tie", "recall": "More", "precision": "Less "},
        },
        "wrong": {
            "all better": {"recall": "more", "precision": "more", "test": "more"},
            "precision kept": {"recall": "more", "precision": "tie", "test": "tie"},
            "it pays": {"recall": "more", "precision": "less", "test": "more"},
            "it costs": {"recall": "more", "precision": "less", "test": "less"},
            "the wrong way round": {"recall": "less", "precision": "more", "test": "tie"},
            "other words": {"recall": "up", "precision": "down", "test": "tie"},
            "one missing": {"recall": "more", "precision": "less"},
            "a list": ["more", "less", "tie"],
        },
    },
    "04.4": {
        "right": {"hull and lake": belief(), "a louder lake": belief(on=5.0, lake=9.0)},
        "wrong": {
            "it looks at the object": belief(hull=20.0, lake=0.0),
            "the bias alone": belief(bias=3.0),
            "the lake is louder": belief(on=1.0, lake=12.0),
            "not sure of the whole": belief(hull=0.4, lake=0.6),
            "the object is everything": belief(where=np.ones((4, 4), bool)),
            "no object": belief(where=np.zeros((4, 4), bool)),
            "negative features": belief(round_it=-1.0, lake=-6.0),
            "the lake speaks against it": belief(hull=20.0, lake=-1.0),
            "weights a class": (belief()[0], np.ones((1, 2)), -2.0, thing),
            "channels last": (belief()[0].transpose(1, 2, 0), *belief()[1:]),
            "no bias": (belief()[0], belief()[1], thing),
        },
    },
}
