"""modadd: a paper one can run, on clustering and alignment in modular addition."""

from modadd.run import Interrupted, Run
from modadd.task import ModularAddition
from modadd.training import TrainingConfig, train

__all__ = ["Interrupted", "ModularAddition", "Run", "TrainingConfig", "train"]
