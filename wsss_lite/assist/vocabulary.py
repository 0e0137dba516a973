"""A byte pair encoding cut to size: CLIP's 48,894 merges, less those that nobody here needs.

open_clip's `SimpleTokenizer` reads its merges from a file, so a shorter file makes a smaller
vocabulary and nothing else changes. Kept are the first merges, which every English text uses,
and those that given words are made of: such a word stays one token, any other word falls into
more pieces than before. No word is unknown, since single bytes are always there.
"""

import gzip

FIRST = 1000  # merges that are kept whatever they are for


def used_merges(word, ranks):
    """The merges that open_clip's tokenizer applies to one word, in its order.

    ranks: {(left, right): place in the list}.
    """
    parts, used = [*word[:-1], word[-1] + "</w>"], []
    while len(parts) > 1:
        pairs = set(zip(parts, parts[1:]))
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        used.append(best)
        parts = merged(parts, best)
    return used


def merged(parts, pair):
    """The parts of a word with every occurrence of a pair put together, from left to right."""
    out = []
    for part in parts:
        if out and (out[-1], part) == pair:
            out[-1] = out[-1] + part + "\0"  # closed: "aaa" holds the pair (a, a) once
        else:
            out.append(part)
    return [part.removesuffix("\0") for part in out]


def cut(words, first=FIRST):
    """Merges, in their old order, of a vocabulary that holds all the words and the first merges."""
    from open_clip.tokenizer import default_bpe

    lines = gzip.open(default_bpe()).read().decode("utf-8").split("\n")
    ranks = {tuple(line.split()): k for k, line in enumerate(lines[1 : 49152 - 256 - 2 + 1])}
    kept = {pair for pair, rank in ranks.items() if rank < first}
    for word in words:
        kept.update(used_merges(word, ranks))
    return sorted(kept, key=ranks.get)


def write(path, merges):
    """The file that `SimpleTokenizer(bpe_path=...)` reads; the same merges give the same bytes."""
    lines = ["#version: cut by wsss-lite", *(" ".join(pair) for pair in merges)]
    path.write_bytes(gzip.compress("\n".join(lines).encode("utf-8"), mtime=0))
