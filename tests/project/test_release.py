"""Distributions, archive, hooks and schedule: as far as they can be tried without a hosting service."""

import importlib.util
import re
import shutil
import tarfile
import zipfile

import pytest
import yaml
from small_project import ROOT


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return load("dist").distributions(tmp_path_factory.mktemp("dist"))


def test_sdist_and_wheel_hold_what_they_must_and_nothing_else(made):
    assert load("dist").problems(*made) == []
    with tarfile.open(made[0]) as packed:
        tops = {name.split("/")[1] for name in packed.getnames() if "/" in name}
    assert not tops & {"compendium", "notebooks", "tests", "book"}


def test_what_is_missing_or_too_much_is_told(made, tmp_path):
    dist = load("dist")
    wheel = tmp_path / made[1].name
    shutil.copy(made[1], wheel)
    with zipfile.ZipFile(wheel, "a") as packed:
        packed.writestr("compendium/__init__.py", "")
    assert dist.problems(made[0], wheel) == ["compendium/__init__.py does not belong into the wheel"]
    sdist = tmp_path / made[0].name
    with tarfile.open(sdist, "w:gz"):
        pass
    assert "LICENSE is not in the sdist" in dist.problems(sdist, made[1])


def test_the_archive_holds_book_board_and_citation(made, tmp_path, monkeypatch):
    dist = load("dist")
    monkeypatch.setattr(dist, "ROOT", tmp_path)
    assert dist.archive(tmp_path, "1.0") is None
    for name in ("_build/html/index.html", "board/a.json", *dist.CITED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with zipfile.ZipFile(dist.archive(tmp_path, "1.0")) as packed:
        assert set(packed.namelist()) == {"book/index.html", "board/a.json", *dist.CITED}
    assert all((ROOT / name).exists() for name in dist.CITED) and (ROOT / "board").is_dir()


def test_hooks_fetch_nothing_and_call_what_lint_calls():
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [entry["repo"] for entry in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert hook["language"] == "system"
        program = re.search(r"\.venv/bin/(\S+)", hook["entry"])[1]
        assert program in lint


@pytest.mark.parametrize("name", ["scheduled", "pull_request", "pages"])
def test_a_workflow_parses_is_marked_untried_and_calls_what_exists(name):
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert "untried" in text.partition("name:")[0].lower()
    commands = "\n".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    for path in re.findall(r"(?:python|bash|pytest) ((?:\.ci|tests)/\S+)|(?<= )(tests/\w+)", commands):
        assert (ROOT / next(filter(None, path))).exists(), path


def test_links_are_found_and_a_dead_one_is_told(tmp_path):
    links = load("links")
    assert len(links.addresses(ROOT)) >= 1
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "a.md").write_text("[x](https://site.test/a), http://localhost:1/ <https://site.test/b>.\n")
    assert links.addresses(tmp_path) == {"https://site.test/a": "book/a.md", "https://site.test/b": "book/a.md"}
    assert set(links.dead(["http://127.0.0.1:9/none", "nonsense"])) == {"http://127.0.0.1:9/none", "nonsense"}
