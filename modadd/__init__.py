"""modadd: a paper one can run, on clustering and alignment in modular addition.

Arguments are checked where they are given: a ValueError names the argument, its value and what is
allowed. Training and simulations end in a DivergenceError, which names step and seed, when they
stop being finite, and on Ctrl-C in Interrupted, which holds what was recorded.
"""

from modadd.run import VERSION, Interrupted, Run
from modadd.task import ModularAddition
from modadd.training import TrainingConfig, train

__all__ = ["Interrupted", "ModularAddition", "Run", "TrainingConfig", "train"]
__version__ = VERSION
