from __future__ import annotations

import page_cache
from embedding_data import NotAvailable
from gather import problem as warm

_COLD = 0.01


class Problem(warm.Problem):
    contenders_of = "gather"

    def __init__(self, size, *, data, n_threads):
        super().__init__(size, data=data, n_threads=n_threads)
        self.description += ", not in the page cache"

    def before_round(self):
        self.target.unlink(missing_ok=True)
        for source in self.sources:
            page_cache.evict(source)
            share = page_cache.resident_share(source)
            if share > _COLD:
                raise NotAvailable(f"{share:.0%} of the source stayed in the page cache")
