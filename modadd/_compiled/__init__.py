"""The fast loops: each is tested against the readable reference in `model` and `forces`.

Read `engine` first: it trains one seed, and says how. A `tour` orders the pairs, a `strip` takes a
few of them forward and backward, `gradient` puts the strips together, and `rules` move by it in
other ways. `two_forces` and `field` are the loops of `particles`, `force_sums` those of `forces`.
They are written in `vectors` and `simd`; what numba compiles of them, `store` keeps.
"""
