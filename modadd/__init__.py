"""modadd: a paper one can run, on clustering and alignment in modular addition.

Arguments are checked where they are given: a ValueError names the argument, its value and what is
allowed.
"""

from importlib import metadata

from modadd.run import Interrupted, Run
from modadd.task import ModularAddition
from modadd.training import TrainingConfig, train

__all__ = ["Interrupted", "ModularAddition", "Run", "TrainingConfig", "train"]
__version__ = metadata.version("modadd")
