"""The fast loops: each is tested against the readable reference in `model` and `forces`."""
