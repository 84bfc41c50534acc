"""modadd: a paper one can run, on clustering and alignment in modular addition."""

from importlib import metadata

from modadd.run import Interrupted, Run
from modadd.task import ModularAddition
from modadd.training import TrainingConfig, train

__all__ = ["Interrupted", "ModularAddition", "Run", "TrainingConfig", "train"]
__version__ = metadata.version("modadd")
