"""The corpus: drawn scenes with masks that belong to no world a method is tested on."""

from wsss_lite.data.pocket import TUNE, PocketVOC
from wsss_lite.data.weak import WeakView
from wsss_lite.errors import PeekError
from wsss_lite.files import cache_dir
from wsss_lite.nets.features import FeatureBank


class Corpus(PocketVOC):
    """The first `count` scenes of the corpus, drawn on first use, as a world of one split."""

    def __init__(self, count):
        super().__init__(limit=TUNE)
        self.limit, self.splits = count, ("corpus",)


def corpus_bank(world, trunk):
    """A `FeatureBank` for pretraining, in a folder of its own.

    Features of the whole corpus are a gigabyte: beside the others they would push them out.
    """
    return FeatureBank(world, trunk, cache_dir() / "pretraining")


def corpus_view(view, count):
    """A fully supervised view of `count` corpus scenes, on the trunk of a weak view.

    It opens masks, instances and extreme points: of other pictures than the view's. PeekError
    unless the method has declared needs=("corpus",).
    """
    if "corpus" not in view.needs:
        raise PeekError("a method that learns from the corpus declares needs=('corpus',).")
    world = Corpus(count)
    bank = FeatureBank(world, view.trunk.trunk, view.trunk.folder)
    return WeakView(world, world.ids("corpus"), "full", ("extreme",), view.seed, bank)
