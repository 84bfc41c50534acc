"""Every public function says what it means; those of the ideas show it in a doctest."""

import importlib
import inspect
import pkgutil
import re

import pytest

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


@pytest.mark.parametrize("name", PUBLIC | METHODS)
def test_it_has_a_docstring(name):
    assert (PUBLIC | METHODS)[name].__doc__


@pytest.mark.parametrize("name", FUNCTIONS | METHODS)
def test_where_arguments_are_listed_none_is_missing(name):
    function = (FUNCTIONS | METHODS)[name]
    if "Args:" in function.__doc__:
        for argument in inspect.signature(function).parameters:
            assert argument == "self" or re.search(rf"\b{argument}\b", function.__doc__), argument


DOORS = [
    name
    for name in FUNCTIONS
    if re.match(r"modadd\.((structure|forces|particles|sweep|theory)\.|training\.train)", name)
]


@pytest.mark.parametrize("name", DOORS)
def test_a_door_has_an_example(name):
    assert ">>> " in FUNCTIONS[name].__doc__
