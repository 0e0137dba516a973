"""Twenty effects that the surveys name, each as a comparison of two recorded scores.

    found = scores("pocket")
    for effect in EFFECTS:
        print(effect.name, judge(effect, found).verdict)

An effect says: the first score is higher than the second. The list follows the surveys, a mechanism
a line and at least one of nearly every family. Two rules say which score: where a mechanism changes
maps, the maps (`MAPS`; their precision for the one class it is about); else whatever the methods
end with, which is the segmenter on test, or the labels of training pictures where no segmenter was
trained (`LAST`). Nothing on the list was taken out for what came out.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from wsss_lite import results, show

MAPS, CRF, LAST = "miou_maps", "miou_pseudo", "last"
STAGES = ("miou_test", "miou_pseudo", "miou_maps")  # the last one first


@dataclass(frozen=True)
class Effect:
    """name: in a few words; better, than: (method, score), and the first should be the higher.

    says: the claim, with its reason. cite: key of the paper in `methods.bib`. survey: which surveys
    name it (S1: Chen and Sun 2023, S2: Xiang et al. 2024, S3: Xu 2025).
    """

    name: str
    better: tuple
    than: tuple
    says: str
    cite: str
    survey: str


EFFECTS = (
    Effect("CRF after CAM", ("cam", CRF), ("cam", MAPS),
           "neighbours of one colour share a label, so that maps end at edges",
           "kolesnikov2016seed", "S1 S2 S3"),
    Effect("several dilations over one", ("mdc", MAPS), ("cam", MAPS),
           "a wider look lends the head's evidence to the body",
           "wei2018revisiting", "S2"),
    Effect("maps of all epochs over the last", ("oaa", MAPS), ("cam", MAPS),
           "attention wanders while a classifier trains, and the parts add up",
           "jiang2019integral", "S1 S2"),
    Effect("erasing over CAM", ("ae-psl", MAPS), ("cam", MAPS),
           "with the head hidden the classifier has to find the rest",
           "wei2017object", "S1 S2 S3"),
    Effect("erasing a class over plain erasing", ("cse", MAPS), ("ae-psl", MAPS),
           "a classifier that judges what is left keeps the eraser on its class",
           "kweon2021unlocking", "S1 S2"),
    Effect("pasted objects, boats", ("cda", "precision_boat"), ("cam", "precision_boat"),
           "an object in foreign places no longer needs its usual ground",
           "su2021context", "S1 S2 S3"),
    Effect("empty places, trains", ("w-ood", "precision_train"), ("cam", "precision_train"),
           "rails without a train, tagged as nothing, are no longer a train",
           "lee2022weakly", "S1"),
    Effect("learnt affinity over CAM", ("psa", MAPS), ("cam", MAPS),
           "pairs of pixels that belong together share their heat by a walk",
           "ahn2018learning", "S1 S2 S3"),
    Effect("boundaries over pairs", ("irn", MAPS), ("psa", MAPS),
           "what lies between two pixels says more than the two",
           "ahn2019weakly", "S1 S2"),
    Effect("class tokens over CAM", ("mctformer", MAPS), ("cam", MAPS),
           "a transformer's class tokens attend to the whole object",
           "xu2022multi", "S1 S2"),
    Effect("saliency as a cue", ("eps", MAPS), ("cam", MAPS),
           "a map of what stands out gives the extent that tags do not",
           "lee2021railroad", "S1 S2 S3"),
    Effect("equivariance over CAM", ("seam", MAPS), ("cam", MAPS),
           "a map that has to follow its scaled picture cannot sit on details",
           "wang2020self", "S1 S2"),
    Effect("contrast of fore- and background", ("c2am", MAPS), ("cam", MAPS),
           "objects of all pictures differ from the grounds of all pictures, without any tag",
           "xie2022c2am", "S1 S2"),
    Effect("softmax on top of BCE", ("recam", MAPS), ("cam", MAPS),
           "a loss for one class at a time does not mix classes that share pictures",
           "chen2022class", "S1"),
    Effect("two stages over one", ("seam", LAST), ("ssss", LAST),
           "training in one stage is simpler, and pays for it in accuracy",
           "araslanov2020single", "S2"),
    Effect("GrabCut over filled boxes", ("sdi", LAST), ("box-fill", LAST),
           "a box that is cut along colours teaches fewer wrong pixels",
           "khoreva2017simple", "S2"),
    Effect("CRF in the loss over strokes alone", ("crf-loss", LAST), ("scribble-ce", LAST),
           "an energy of the whole picture fills in what no stroke says",
           "tang2018regularized", "S2"),
    Effect("strokes over clicks", ("scribblesup", LAST), ("spotsup", LAST),
           "one method, fed with more ink",
           "lin2016scribblesup", "S2"),
    Effect("CLIP with background texts over CAM", ("clip-es", MAPS), ("cam", MAPS),
           "texts of the surroundings take water and rails away from the classes",
           "lin2023clip", "S1 S2"),
    Effect("SAM's masks over CAM's labels", ("sepl", CRF), ("cam", CRF),
           "whoever knows where things end needs to be told only what they are",
           "chen2023segment", "S2"),
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """What the store says of an effect: a word, difference and its two standard errors, runs.

    verdict: "holds", "tie" or "fails"; of a single run, which has no error (nan), "same sign",
    "other sign" or "no difference"; "not recorded".
    """

    verdict: str
    difference: float = np.nan
    noise: float = np.nan
    seeds: int = 0

    @property
    def sign(self):
        """Whether the sign is the paper's; None where that cannot be said."""
        return None if not self.difference or np.isnan(self.difference) else self.difference > 0


def scores(world="pocket", where=None):
    """{method: {seed: {score: value}}} of a world's recorded rows, those of `derived` with them."""
    found = {}
    for entry in results.read(world, where):
        row = entry["row"] | results.derived(entry)
        last = next((row[s] for s in STAGES if row.get(s) is not None), None)
        found.setdefault(row["method"], {})[row["seed"]] = row | {LAST: last}
    return found


def judge(effect, found):
    """Compare seed by seed (`Judged`): holds or fails beyond two standard errors, else a tie.

    found: as `scores` gives it. With a single run there is no error: only the sign is told.
    A row that did not reach the other's last stage is compared at the stage that both have.
    """
    pairs = _pairs(effect, found)
    if not pairs:
        return Judged("not recorded")
    difference = np.subtract(*np.transpose(pairs))
    mean, count = float(difference.mean()), len(pairs)
    if count == 1:
        verdict = "same sign" if mean > 0 else "other sign" if mean < 0 else "no difference"
        return Judged(verdict, mean, np.nan, 1)
    noise = float(2 * difference.std(ddof=1) / np.sqrt(count))
    verdict = "holds" if mean > noise else "fails" if mean < -noise else "tie"
    return Judged(verdict, mean, noise, count)


def _pairs(effect, found):
    """[(better, than)] of the seeds that both methods have."""
    (one, key), (other, key_other) = effect.better, effect.than
    rows = found.get(one, {}), found.get(other, {})
    pairs = []
    for seed in sorted(set(rows[0]) & set(rows[1])):
        a, b = rows[0][seed], rows[1][seed]
        if key == LAST:
            shared = [s for s in STAGES if a.get(s) is not None and b.get(s) is not None]
            pair = (a[shared[0]], b[shared[0]]) if shared else (None, None)
        else:
            pair = a.get(key), b.get(key_other)
        if None not in pair and np.isfinite(pair).all():
            pairs.append(pair)
    return pairs


def chart(verdicts, *, alt):
    """A `show.Plot`: a line an effect, a mark a world, with two standard errors where there are.

    verdicts: {world: {name: Judged}}; sorted by the first world; what nobody recorded is left out.
    """
    first = next(iter(verdicts.values()))
    order = sorted(first, key=lambda n: np.nan_to_num(first[n].difference, nan=-np.inf))
    order = [n for n in order if any(np.isfinite(v[n].difference) for v in verdicts.values())]
    with rc_context(show.STYLE | {"axes.grid.axis": "x"}):
        fig = Figure((8.0, 1.2 + 0.24 * len(order)), layout="constrained")
        ax = fig.add_subplot(xlabel="points, to the right: the sign of the paper")
        ax.axvline(0, color=show.INK, linewidth=1)
        for k, (world, judged) in enumerate(verdicts.items()):
            at = np.arange(len(order)) - 0.12 * k
            points = [100 * judged[n].difference for n in order]
            half = np.nan_to_num([100 * judged[n].noise for n in order])
            runs = max((j.seeds for j in judged.values()), default=0)
            ax.errorbar(points, at, xerr=half, fmt="oD^s"[k % 4], color=show.LINES[k], capsize=2,
                        markersize=5, linewidth=1.2, label=f"{world}, {runs} run{'s'[: runs > 1]}")
        ax.set_yticks(np.arange(len(order)), order, fontsize=9)
        if order:
            ax.legend(loc="lower right", fontsize=9)
    return show.Plot(fig, alt)
