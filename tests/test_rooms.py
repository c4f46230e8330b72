"""Each room says what it does, and names every module that stands in it."""

import importlib
import pkgutil

import pytest

import lxbc_graph

ROOMS = [lxbc_graph.__name__] + [
    f"{lxbc_graph.__name__}.{found.name}"
    for found in pkgutil.iter_modules(lxbc_graph.__path__)
    if found.ispkg
]


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_names_its_modules(name: str) -> None:
    room = importlib.import_module(name)
    said = room.__doc__ or ""
    for found in pkgutil.iter_modules(room.__path__):
        assert f"``{found.name}``" in said or f"\n    {found.name} " in said, found.name
