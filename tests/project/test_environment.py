"""The environment: one list of packages in three files that must agree, and nothing that ties it to one machine."""

import json
import re
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from small_project import ROOT

# Packages that no conda channel is known to carry: they stand in the pip part of environment.yml.
PYPI_ONLY = {"axe-playwright-python", "sdpa-python", "sphinx-mathjax-offline"}


def project(folder: str = ".") -> dict:
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]


def dependencies() -> list[str]:
    """What both distributions need; the workshop's need of the science is not a package from elsewhere."""
    return [*project()["dependencies"], *(entry for entry in project("compendium")["dependencies"] if entry != "isaclib[plot]")]


def conda_entries() -> tuple[list[str], list[str]]:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    return [entry for entry in entries if isinstance(entry, str)], pip


def canonical(requirement: str) -> tuple[str, frozenset[str]]:
    parsed = Requirement(requirement)
    return parsed.name.lower().replace("_", "-"), frozenset(str(bound) for bound in parsed.specifier)


def test_conda_and_pyproject_name_the_same_packages_and_bounds():
    conda, pip = conda_entries()
    ours = {canonical(entry) for entry in [*conda, *pip] if not entry.startswith("python>") and entry != "pip"}
    assert ours == {canonical(entry) for entry in dependencies()}
    assert {canonical(entry)[0] for entry in pip} == PYPI_ONLY
    python = next(entry for entry in conda if entry.startswith("python>"))
    assert python.removeprefix("python") == project()["requires-python"]


def test_every_conda_line_is_a_valid_match_spec():
    from rattler import MatchSpec

    conda, _ = conda_entries()
    for entry in conda:
        spec = MatchSpec(entry, strict=True)
        assert spec.name is not None, entry


def test_versions_installed_satisfy_the_bounds():
    for entry in dependencies():
        requirement = Requirement(entry)
        assert requirement.specifier.contains(Version(version(requirement.name)), prereleases=True), entry


def test_jupyter_book_is_the_line_that_reads_our_configuration():
    assert version("jupyter-book").startswith("1.")  # 2.x ignores _config.yml and _toc.yml and builds nothing


def test_the_lock_is_hashed_complete_and_free_of_addresses():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", text)
    blocks = re.findall(r"^([A-Za-z0-9._-]+)(?:\[\S+\])?==(\S+)((?:.*\\\n)+.*)", text, re.M)
    names = {name.lower().replace("_", "-").replace(".", "-") for name, _, _ in blocks}
    assert all("--hash=sha256:" in rest for _, _, rest in blocks)
    extras = [
        entry for folder in (".", "compendium") for some in project(folder)["optional-dependencies"].values() for entry in some
    ]
    wanted = [entry for entry in [*dependencies(), *extras] if not entry.startswith("isaclib")]
    assert {canonical(entry)[0] for entry in wanted} <= names
    command = (ROOT / "Makefile").read_text().partition("\nlock:")[2].splitlines()[1]
    assert "pyproject.toml compendium/pyproject.toml --all-extras" in command


def test_the_lock_names_the_extras_that_its_packages_ask_for():
    """Without them pip 23.2 takes ``package[extra]`` for something that is not pinned, unless the pin is the newest release."""
    lock = re.findall(r"^([A-Za-z0-9._-]+)(?:\[(\S+)\])?==", (ROOT / "requirements.lock").read_text(), re.M)
    named = {canonicalize_name(name): set(extras.split(",")) for name, extras in lock}
    asked = []
    for name in named:
        with suppress(PackageNotFoundError):  # of another platform
            asked += [(name, Requirement(entry)) for entry in requires(name) or [] if "extra ==" not in entry]
    asked = [(name, entry) for name, entry in asked if entry.extras and canonicalize_name(entry.name) in named]
    assert len(asked) >= 2
    for name, entry in asked:
        assert entry.extras <= named[canonicalize_name(entry.name)], f"{name} asks for {entry}"
    assert "--no-strip-extras" in (ROOT / "Makefile").read_text()


def test_the_science_needs_nothing_of_the_workshop():
    science = {canonical(entry)[0] for entry in project()["dependencies"]}
    assert science == {"numpy", "scipy", "cvxpy", "clarabel", "scs", "highspy", "sdpa-python", "joblib"}


def test_the_build_backend_is_in_the_lock():
    # The package is installed without build isolation, so what builds it must be pinned as well.
    lock = (ROOT / "requirements.lock").read_text()
    for entry in tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]:
        assert re.search(rf"^{Requirement(entry).name}(\[\S+\])?==", lock, re.M)


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "_config.yml", "_toc.yml", "Makefile"])
def test_project_files_are_there(name):
    assert (ROOT / name).stat().st_size > 0


def test_versions_agree():
    import isaclib

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert "version" not in project() and project()["dynamic"] == ["version"]  # the library's own is the one place
    archive = json.loads((ROOT / ".zenodo.json").read_text())
    assert isaclib.__version__ == project("compendium")["version"] == citation["version"] == archive["version"]
    assert f"## {isaclib.__version__}" in (ROOT / "CHANGELOG.md").read_text()
