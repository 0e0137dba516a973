"""The pocket tagger: words of captions as labels, thresholds, training, files, scores.

Nothing here needs trained weights.
"""

import json

import numpy as np
import pytest
import torch
from stand_in import DAMAGE

from wsss_lite.assist import captions, pocket_tagger, prompts, shipped, train_tagger
from wsss_lite.assist.load import load_tagger
from wsss_lite.assist.pocket_tagger import PocketTagger, class_scores, pooled_twice, table
from wsss_lite.assist.tagging import to_classes
from wsss_lite.assist.train_tagger import (
    EMPTY,
    best_thresholds,
    labels,
    make,
    measure,
    singular,
    vocabulary,
    words_of,
)
from wsss_lite.data.folder import open_world
from wsss_lite.data.pocket import CLASSES
from wsss_lite.data.weak import WeakView
from wsss_lite.errors import InputError
from wsss_lite.nets.features import FeatureBank
from wsss_lite.nets.trunk import Trunk

SCENES = tuple(captions.Facts(*some) for some in (
    ("lake", (("boat", "", "trailer"), ("person", "sit", "")), ("sky",)),
    ("room", (("cat", "sit", ""),), ()),
    ("meadow", (("horse", "ride", ""), ("person", "ride", "")), ("grass",)),
))  # fmt: skip


def said_of(number, seed=0, times=5):
    rng = np.random.default_rng(seed)
    return [set().union(*(words_of(captions.caption(SCENES[k % 3], rng)) for _ in range(times)))
            for k in range(number)]  # fmt: skip


@pytest.fixture(scope="module")
def seen(tiny, trunk, tmp_path_factory):
    """(view, (N, F, h, w) final, (N, 2F) summaries) of three scenes of the tiny world."""
    world = open_world(str(tiny))
    bank = FeatureBank(world, trunk, tmp_path_factory.mktemp("bank"))
    view = WeakView(world, world.ids("train")[:3], "tags", trunk=bank)
    final = torch.from_numpy(view.features("final")[:])
    return view, final, pooled_twice(final)


@pytest.fixture(scope="module")
def tagger(seen, trunk):
    """A tagger that has learnt the captions of three scenes by heart."""
    said = said_of(3)
    words = vocabulary(said)
    y = labels(said, words)
    weight, bias = train_tagger.train(seen[2], y, epochs=80, lr=2e-3, drop=0, batch=3)
    return PocketTagger(words, weight, bias, np.full(len(words), 0.5), trunk)


@pytest.fixture
def folder(tagger, trunk, tmp_path):
    """A folder as it is shipped."""
    facts = {"words": tagger.words, "thresholds": tagger.thresholds.tolist(), "map_val": 0.9}
    state = {"weight": tagger.weight, "bias": tagger.bias}
    return shipped.write(tmp_path / "tagger", state, trunk, facts, "remake")


# ------------------------------------------------------------------ words and labels


def test_a_sentence_gives_the_words_that_name_something():
    said = words_of("I see two ponies, a kitty and an automobile on the road with blue water")
    assert said == {"ponies", "kitty", "automobile", "road", "blue", "water"}
    assert words_of("an image that shows a") == set()


def test_every_name_of_a_class_leads_back_to_it():
    for name in CLASSES:
        for synonym in prompts.SYNONYMS[name]:
            forms = [synonym, synonym + "s", *captions.PLURAL.get(synonym, ())]
            for form in forms:
                assert to_classes([(form, 0.5)], CLASSES) == [(name, 0.5)], form


def test_no_word_of_a_place_is_taken_for_a_class():
    tables = (captions.WHERE, captions.ALONE, captions.MORE, captions.POSE)
    texts = [text for some in tables for group in some.values() for text in group]
    words = {word for text in texts for word in words_of(text)}
    assert len(words) > 20 and to_classes([(word, 1) for word in words], CLASSES) == []
    assert not EMPTY & {name for names in prompts.SYNONYMS.values() for name in names}


def test_a_plural_counts_as_its_singular():
    known = {"pony", "ponies", "house", "houses", "grass", "people", "tracks"}
    pairs = {"ponies": "pony", "houses": "house", "grass": "grass", "people": "people",
             "tracks": "tracks"}  # fmt: skip
    assert {word: singular(word, known) for word in pairs} == pairs


def test_vocabulary_holds_what_is_said_often_enough():
    said = [{"cat", "cats"}, {"cats"}, {"dog"}, {"cat", "grass"}]
    assert vocabulary(said, 0.5) == ["cat"]
    assert vocabulary(said, 0.25) == ["cat", "dog", "grass"]


def test_labels_equal_asking_word_by_word():
    said = said_of(30)
    words = vocabulary(said, 0.1)
    found = labels(said, words)
    known = set(words)
    for row, some in enumerate(said):
        for column, word in enumerate(words):
            assert found[row, column] == any(singular(w, known) == word for w in some)
    assert 0.1 < found.mean() < 0.9


def test_five_captions_leave_out_what_chance_leaves_out():
    said = said_of(900)[1::3]  # the cat in the room
    rate = np.mean(["pussycat" in words for words in said])
    expected = 1 - (1 - 0.7 / 3) ** 5  # mentioned, and by one of three names
    assert rate == pytest.approx(expected, abs=0.08)


# ------------------------------------------------------------------ thresholds and training


def slow_threshold_f1(prob, y):
    """The best F1 of telling whatever reaches one of the probabilities."""
    scores = []
    for least in prob:
        told = prob >= least
        scores.append(2 * (told & y).sum() / (told.sum() + y.sum()))
    return max(scores)


@pytest.mark.parametrize("ties", [False, True])
def test_thresholds_reach_the_best_f1(ties):
    rng = np.random.default_rng(0)
    y = rng.random((60, 4)) < 0.3
    prob = (0.5 * y + rng.random((60, 4))) / 1.5
    prob = prob.round(1) if ties else prob
    for k, least in enumerate(best_thresholds(prob, y)):
        told = prob[:, k] >= least
        f1 = 2 * (told & y[:, k]).sum() / (told.sum() + y[:, k].sum())
        assert f1 == pytest.approx(slow_threshold_f1(prob[:, k], y[:, k]))


def test_a_word_that_is_never_said_is_never_told():
    y = np.array([[True, False], [False, False]])
    least = best_thresholds(np.array([[0.9, 0.9], [0.2, 1.0]]), y)
    assert least[0] == pytest.approx(0.55) and least[1] > 1


def test_scenes_are_learnt_by_heart_and_training_repeats_itself(seen, tagger):
    said = said_of(3)
    y = labels(said, tagger.words)
    prob = tagger.probabilities(seen[1])
    assert prob.shape == y.shape and np.array_equal(prob >= 0.5, y)
    again = train_tagger.train(seen[2], y, epochs=80, lr=2e-3, drop=0, batch=3)
    assert torch.equal(again[0], tagger.weight) and torch.equal(again[1], tagger.bias)


def test_thresholds_come_from_the_scenes_held_back(trunk):
    draw = torch.Generator().manual_seed(0)
    said = said_of(60)
    x = torch.eye(3).repeat(20, 1) + 0.05 * torch.randn(60, 3, generator=draw)
    made = make(x, said, trunk, held_back=0.25, epochs=40, lr=2e-3)
    prob = (x @ made.weight.T + made.bias).sigmoid().numpy()
    held = best_thresholds(prob[45:], labels(said, made.words)[45:])
    assert np.array_equal(made.thresholds, held)
    assert made.words == tuple(vocabulary(said[:45]))
    told = dict(made.told(prob[1]))
    assert to_classes(told.items(), CLASSES)[0][0] == "cat"


# ------------------------------------------------------------------ asking it


def test_the_summary_is_mean_and_maximum(seen):
    _, final, summary = seen
    flat = final.flatten(2)
    assert torch.allclose(summary[:, :1280], flat.mean(2), atol=1e-5)
    assert torch.equal(summary[:, 1280:], flat.max(2).values)


def test_c5_gives_the_same_summary(seen, tiny, trunk, tmp_path):
    view, _, summary = seen
    world = open_world(str(tiny))
    found = train_tagger.summaries(view.ids, trunk, FeatureBank(world, trunk, tmp_path))
    assert torch.allclose(found, summary, atol=0.02)  # both were kept in float16


def test_tags_are_the_words_above_their_thresholds(seen, tagger):
    view, final, _ = seen
    row = tagger.probabilities(final)[0]
    tags = tagger.tags(view.image(view.ids[0]))
    assert tags and tags == sorted(tags, key=lambda pair: -pair[1])
    assert {word for word, _ in tags} == {w for w, p in zip(tagger.words, row) if p >= 0.5}
    assert dict(tags) == pytest.approx({w: p for w, p in tagger.told(row)}, abs=0.02)
    stricter = PocketTagger(tagger.words, tagger.weight, tagger.bias,
                            np.full(len(tagger.words), 1.1), tagger.trunk)  # fmt: skip
    assert stricter.tags(view.image(view.ids[0])) == []


def test_a_view_is_tagged_from_its_cached_features(seen, tagger, tiny):
    view, _, _ = seen
    found = tagger.of_view(view, CLASSES)
    bare = WeakView(open_world(str(tiny)), view.ids, "tags")  # without a trunk
    assert np.array_equal(found, tagger.of_view(bare, CLASSES))
    for row, id in zip(found, view.ids):
        names = {name for name, _ in to_classes(tagger.tags(view.image(id)), CLASSES)}
        assert {CLASSES[k] for k in np.flatnonzero(row)} == names
    assert found.any()


def test_words_without_a_class_are_left_out():
    told = [[("kitty", 0.9), ("grass", 0.8), ("zxqv", 0.7)], [], [("ponies", 0.6), ("cat", 0.1)]]
    found = table(told, ("cat", "horse"))
    assert found.tolist() == [[True, False], [False, False], [True, True]]


def test_a_class_scores_as_its_most_probable_word():
    words = ("grass", "kitty", "cat", "steed")
    prob = np.array([[0.9, 0.2, 0.3, 0.1], [0.5, 0.6, 0.4, 0.0]], np.float32)
    found = class_scores(prob, words, ("horse", "cat", "train"))
    assert np.allclose(found, [[0.1, 0.3, 0], [0, 0.6, 0]])


def test_scores_by_hand(trunk):
    """A layer that hands two features on: three pictures, of cats and dogs."""
    logit = torch.tensor([[2.0, -2], [1, 1], [-1, -3]])
    tags = np.array([[True, False], [False, True], [True, False]])
    hand = PocketTagger(("kitty", "dog"), torch.eye(2), torch.zeros(2), (0.5, 0.5), trunk)
    found = measure(hand, logit, tags, ("cat", "dog"))
    # told: cat, cat and dog, nothing; cat is right at ranks 1 and 3
    assert found["precision_val"] == pytest.approx(2 / 3, abs=1e-3) == found["recall_val"]
    assert found["ap_val"] == {"cat": pytest.approx(5 / 6, abs=1e-3), "dog": 1.0}
    assert found["map_val"] == pytest.approx((5 / 6 + 1) / 2, abs=1e-3)
    absent = measure(hand, logit, tags[:, :1] & tags[:, 1:], ("dog",))
    assert absent["ap_val"] == {"dog": None} and absent["precision_val"] == 0
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)),
                                     np.zeros((0, 4, 3), np.uint8)])  # fmt: skip
def test_what_is_no_picture_is_refused(tagger, picture):
    with pytest.raises(InputError, match="read_image"):
        tagger.tags(picture)


# ------------------------------------------------------------------ files


def test_the_command_makes_a_tagger(tiny, trunk, quick, tmp_path, monkeypatch, capsys):
    def small_corpus(count):
        world = open_world(str(tiny))
        names = world.ids("train")[:count]
        world.ids, world.splits = lambda split: names, ("corpus",)
        return world

    monkeypatch.setattr(train_tagger, "Corpus", small_corpus)
    monkeypatch.setattr(train_tagger, "PocketVOC", lambda: open_world(str(tiny)))
    monkeypatch.setattr(train_tagger, "Trunk", lambda *a, **k: trunk)
    monkeypatch.setattr(train_tagger, "said_of", lambda world, ids: said_of(len(ids)))
    train_tagger.main(["--scenes", "5", "--out", str(tmp_path), "--force"])
    read = pocket_tagger.load(trunk, tmp_path / "pocket_tagger")
    assert read.facts["scenes"] == 5 and 0 <= read.facts["map_val"] <= 1
    assert read.words == tuple(vocabulary(said_of(5)[:4]))  # the last one is for the thresholds
    assert (read.thresholds < 1).any() and len(read.thresholds) == len(read.words)
    first = capsys.readouterr().out.splitlines()[0]
    monkeypatch.setattr(train_tagger, "load", lambda trunk: read)
    train_tagger.main(["--evaluate"])
    again = json.loads(capsys.readouterr().out)
    assert again["map_val"] == pytest.approx(json.loads(first)["map_val"], abs=0.02)  # float16


def test_what_is_written_can_be_read(folder, tagger, seen, trunk, monkeypatch):
    read = pocket_tagger.load(trunk, folder)
    assert read.words == tagger.words and read.facts["map_val"] == 0.9
    assert np.allclose(read.probabilities(seen[1]), tagger.probabilities(seen[1]), atol=0.02)
    assert sum(f.stat().st_size for f in folder.iterdir()) < 1e6
    monkeypatch.setattr(pocket_tagger, "load", lambda: read)
    assert load_tagger().tags(seen[0].image(seen[0].ids[0]))


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_weights_are_named(folder, trunk, damage):
    DAMAGE[damage](folder / shipped.NET)
    with pytest.raises(InputError, match=f"net.safetensors .*{damage}.*train_tagger"):
        pocket_tagger.load(trunk, folder)


def test_another_trunk_is_refused(folder):
    with pytest.raises(InputError, match="another trunk than .* 64 pixels.*train_tagger"):
        pocket_tagger.load(Trunk("lite0", size=64), folder)
