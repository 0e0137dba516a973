"""The register of methods: each file under `methods/` declares one, with its facts."""

import importlib
import pkgutil
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from wsss_lite.errors import InputError

SUPERVISION = ("none", "tags", "points", "scribbles", "boxes", "full")
NEEDS = ("saliency", "ood", "captions", "corpus", "extreme", "text")

_methods = {}


class Made(NamedTuple):
    """What a method returns that makes more than one thing.

    maps: (N, C, h, w) in 0..1, scored and refined as of any method; labels: {picture: (H, W) uint8}
    for the segmenter; weights: {picture: (H, W) in 0..1}, how far each label is trusted; decoder:
    a network trained by the method itself, which is then the segmenter; predict: a function of a
    (H, W, 3) uint8 picture that returns (H, W) uint8 labels, of a method that needs no segmenter.
    """

    maps: Any = None
    labels: Any = None
    weights: Any = None
    decoder: Any = None
    predict: Any = None


@dataclass(frozen=True)
class Method:
    """A method and what there is to know about it.

    trains: False where no random number enters the maps, so that one seed suffices.
    produces: "maps", the function returns (N, C, h, w) in 0..1 for every picture of its view;
    "labels", it returns {picture: (H, W) uint8} to train the segmenter on directly; "decoder", a
    segmenter that it has trained itself. In place of either it may return a `Made`.
    supervision: "none" where not even tags are looked at.
    quoted: numbers of the literature with their source, e.g. {"VOC val (S1)": 65.2}.
    """

    name: str
    function: callable = field(repr=False)
    category: str
    supervision: str
    paper: str
    venue: str
    year: int
    cite: str = ""
    needs: tuple = ()
    survey: str = ""
    quoted: dict = field(default_factory=dict)
    produces: str = "maps"
    trains: bool = True
    pictures: str = "train+tune"  # or "train", "tune": whose annotation it uses

    def __call__(self, view, seed=0, **knobs):
        return self.function(view, seed=seed, **knobs)

    @property
    def starred(self):
        """Whether something that it uses was trained on annotated scenes of the corpus.

        Tables mark it with a star: it is never counted among methods of its supervision alone.
        """
        return "corpus" in self.needs

    def facts(self):
        """Everything but the code, ready for JSON."""
        facts = asdict(self)
        facts.pop("function")
        facts["summary"] = (self.function.__doc__ or "").strip().split("\n")[0]
        return facts


def register(name, **facts):
    """Decorate the function of a method; see `Method` for the facts to give."""

    def keep(function):
        if facts["supervision"] not in SUPERVISION:
            raise ValueError(f"{name}: supervision is one of {', '.join(SUPERVISION)}")
        unknown = set(facts.get("needs", ())) - set(NEEDS)
        if unknown:
            raise ValueError(f"{name}: needs are among {', '.join(NEEDS)}, not {unknown}")
        if name in _methods and _methods[name].function.__module__ != function.__module__:
            raise ValueError(f"two methods are called {name}")
        _methods[name] = Method(name=name, function=function, **facts)
        return function

    return keep


def methods():
    """{name: Method} of all files under `wsss_lite/methods`, in the course's order."""
    package = importlib.import_module("wsss_lite.methods")
    for module in pkgutil.walk_packages(package.__path__, "wsss_lite.methods."):
        importlib.import_module(module.name)
    return dict(sorted(_methods.items(), key=lambda item: (item[1].category, item[1].year)))


def starred(name):
    """`Method.starred` of a name; False for one that is no method's."""
    known = methods()
    return name in known and known[name].starred


def find(name):
    """The method of that name; InputError lists the nearest names."""
    import difflib

    known = methods()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "`wsss-lite methods` lists them."
        raise InputError(f"There is no method {name!r}; {hint}")
    return known[name]
