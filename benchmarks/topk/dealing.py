"""The refill rule over the best candidates of every column, for contenders that sort few rows."""

from __future__ import annotations


def deal(best_candidates, n_rows, k):
    """Deal rows out in rounds until k are chosen.

    `best_candidates(c)` gives, for every column, a list of its c best rows, best first. c grows
    until no column runs dry.
    """
    c = 0
    while True:
        c = min(n_rows, max(4 * c, 64))
        candidates = best_candidates(c)
        taken = bytearray(n_rows)
        positions = [0] * len(candidates)
        chosen = []
        try:
            while len(chosen) < k:
                j = len(chosen) % len(candidates)
                column = candidates[j]
                at = positions[j]
                while taken[column[at]]:
                    at += 1
                taken[column[at]] = True
                positions[j] = at + 1
                chosen.append(column[at])
        except IndexError:
            continue
        return chosen
