"""Where ZooKeeper is: what the command line says, then the environment, then the site file."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from medevac.cli import options
from medevac.cli.root import run


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDEVAC_ZOOKEEPER", raising=False)
    monkeypatch.delenv("MEDEVAC_SITE", raising=False)
    monkeypatch.setattr(options, "DEFAULT_SITE", tmp_path / "medevac.yaml")


def look(*words: str) -> int:
    """Run a command that prints where it would look."""

    @click.command()
    @options.zookeeper
    @options.site_file
    def command(zookeeper: str, site_file: Path | None) -> None:
        click.echo(f"{zookeeper} {site_file.name if site_file else None}")

    return run(list(words), command)


def site(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_site_file_says_it_where_nothing_else_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site(tmp_path, "medevac.yaml", "zookeeper: zk1:2181/medevac\n")
    assert look() == 0
    assert capsys.readouterr().out == "zk1:2181/medevac medevac.yaml\n"


def test_a_site_file_that_is_named_comes_first_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site(tmp_path, "medevac.yaml", "zookeeper: default:1/m\n")
    monkeypatch.setenv("MEDEVAC_SITE", str(site(tmp_path, "environment.yaml", "zookeeper: environment:1/m\n")))
    named = site(tmp_path, "named.yaml", "zookeeper: named:1/m\n")
    assert look() == 0
    assert look("--site", str(named)) == 0
    assert look("--zookeeper", "typed:1/m", "--site", str(named)) == 0
    assert capsys.readouterr().out == "environment:1/m environment.yaml\nnamed:1/m named.yaml\ntyped:1/m named.yaml\n"


def test_the_environment_comes_before_the_site_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site(tmp_path, "medevac.yaml", "zookeeper: zk1:2181/medevac\n")
    monkeypatch.setenv("MEDEVAC_ZOOKEEPER", "environment:1/m")
    assert look() == 0
    assert capsys.readouterr().out == "environment:1/m medevac.yaml\n"


def test_mistakes_elsewhere_in_the_site_file_keep_nobody_from_looking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site(tmp_path, "medevac.yaml", "zookeeper: zk1:2181/medevac\nlimits: {parallel_hosts: many}\nnonsense: 3\n")
    assert look() == 0
    assert capsys.readouterr().out.startswith("zk1:2181/medevac ")


@pytest.mark.parametrize("text", [None, "cloud: production\n"])
def test_where_nothing_says_it_that_is_a_usage_error(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        site(tmp_path, "medevac.yaml", text)
    assert look() == 2
    assert "Missing option '--zookeeper' (env var: 'MEDEVAC_ZOOKEEPER')" in capsys.readouterr().err


def test_a_site_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert look("--site", str(tmp_path / "gone.yaml")) == 1
    assert "gone.yaml: cannot be read" in capsys.readouterr().err
