"""What docstrings promise beyond being there, which ruff sees to: every argument, an example."""

import importlib
import inspect
import pkgutil
import re

import modadd

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(modadd.__path__, "modadd.")
    if not re.search(r"\._", module.name)
]


def names(module) -> list[str]:
    """What a module offers: what it lists, or else what it defines."""
    if hasattr(module, "__all__"):
        return module.__all__
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


PUBLIC = {
    f"{module.__name__}.{name}": inspect.unwrap(getattr(module, name))
    for module in MODULES
    for name in names(module)
    if callable(getattr(module, name))
}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
METHODS = {
    f"{owner}.{name}": value
    for owner, kind in PUBLIC.items()
    if inspect.isclass(kind)
    for name, value in vars(kind).items()
    if inspect.isfunction(value) and not name.startswith("_")
}


def test_the_package_is_looked_at():
    assert {"modadd.training.train", "modadd.cache.code_version"} <= set(FUNCTIONS)
    assert "modadd.run.Run.select" in METHODS
    assert {"modadd.widgets.scrub", "modadd.plots.traces.bonds"} <= set(FUNCTIONS)
    assert set(modadd.__all__) <= {name.rsplit(".", 1)[1] for name in PUBLIC}


def test_where_arguments_are_listed_none_is_missing():
    missing = [
        f"{name}: {argument}"
        for name, function in (FUNCTIONS | METHODS).items()
        if "Args:" in function.__doc__
        for argument in inspect.signature(function).parameters
        if argument != "self" and not re.search(rf"\b{argument}\b", function.__doc__)
    ]
    assert not missing


def test_a_door_has_an_example():
    doors = r"modadd\.((structure|forces|particles|sweep|theory)\.|training\.train)"
    without = [n for n, f in FUNCTIONS.items() if re.match(doors, n) and ">>> " not in f.__doc__]
    assert not without
