"""Docstrings of the library, as the API pages of the book print them."""

import ast
import importlib
import inspect
import re

import pytest
from small_project import ROOT

from tests import chapters

CLASSES = {
    f"{path.parent.name}.{path.stem}.{node.name}": ast.get_docstring(node)
    for path in sorted((ROOT / "isaclib").rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef) and "\nAttributes\n---" in (ast.get_docstring(node) or "")
}


def attributes(docstring: str) -> list[str]:
    """Lines of the section that name attributes."""
    section = inspect.cleandoc(docstring).split("\nAttributes\n")[1].splitlines()[1:]
    end = section.index("") if "" in section else len(section)
    return [line for line in section[:end] if not line.startswith(" ")]


def test_there_are_classes_to_look_at():
    assert len(CLASSES) > 20


@pytest.mark.parametrize("name", CLASSES)
def test_every_attribute_has_a_line_of_its_own(name):
    """Two names before one colon come out garbled: the first as a type of the second."""
    for line in attributes(CLASSES[name]):
        assert line.partition(" : ")[0].isidentifier(), f"{name}: {line!r}"


def test_every_module_has_its_place_in_the_reference():
    pages = "".join(path.read_text() for path in (ROOT / "book" / "api").glob("*.md"))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "isaclib").rglob("*.py")}
    named = {name for name in modules if not name.rpartition(".")[2].startswith("_")}
    assert sorted(name for name in named if f".. automodule:: {name}\n" not in pages) == []


def test_the_reference_leads_to_the_page_that_derives_it():
    for chapter in chapters.NAMES:
        page = (ROOT / "book" / "api" / f"{chapter}.md").read_text()
        labels = re.findall(r"{(?:eq|prf:ref)}`([\w-]+)`", page)
        model = (ROOT / "notebooks" / chapter / "model.py").read_text()
        assert f"{{doc}}`/notebooks/{chapter}/model`" in page
        assert any(label in model for label in labels), f"{chapter}: name the formulas behind it"


def public_functions(chapter):
    """The functions of a chapter's public names, and the public methods of its classes."""
    package = chapters.module(chapter)
    for name in package.__all__:
        found = getattr(package, name)
        members = [(name, found)] if inspect.isfunction(found) else []
        if inspect.isclass(found):
            members = [(f"{name}.{key}", getattr(found, key)) for key in vars(found) if not key.startswith("_")]
        yield from ((key, function) for key, function in members if inspect.isroutine(function))


def shared_functions():
    """The functions of the foundations that are called without an underscore, by module."""
    for path in sorted((ROOT / "isaclib" / "foundations").glob("[a-z]*.py")):
        module = importlib.import_module(f"isaclib.foundations.{path.stem}")
        for name, found in vars(module).items():
            if inspect.isfunction(found) and found.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{path.stem}.{name}", found


@pytest.mark.parametrize("chapter", [*chapters.NAMES, "foundations"])
def test_every_public_signature_has_its_types(chapter):
    found = dict(shared_functions() if chapter == "foundations" else public_functions(chapter))
    assert len(found) > 5
    for name, function in found.items():
        signature = inspect.signature(function)
        bare = [key for key, each in signature.parameters.items() if each.annotation is each.empty and key != "self"]
        assert not bare and signature.return_annotation is not signature.empty, f"{chapter}.{name}: {bare or 'the result'}"


@pytest.mark.parametrize("chapter", chapters.NAMES)
def test_every_public_function_has_an_example(chapter):
    package = chapters.module(chapter)
    functions = {name: found for name in package.__all__ if inspect.isfunction(found := getattr(package, name))}
    assert [name for name, function in functions.items() if ">>>" not in (function.__doc__ or "")] == []


def test_an_example_is_no_part_of_the_section_before_it():
    swallowed = []
    for path in sorted((ROOT / "isaclib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            text = (ast.get_docstring(node) or "") if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ""
            before, example, _ = text.partition(">>>")
            if example and "\n---" in before and "Examples\n---" not in before:
                swallowed.append(f"{path.stem}.{node.name}")
    assert swallowed == []
