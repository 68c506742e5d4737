"""The JSON Schemas for editors: tracked, complete, and true for the samples."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from pipelines.config.schemas import FILES, main, schema_text
from pipelines.paths import DOCS, SAMPLE_HOME


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DOCS / name).read_text(encoding="utf-8"))
    return loaded


def properties(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of every mapping of a schema."""
    if isinstance(value, dict):
        yield from value.get("properties", {}).items()
        for item in value.values():
            yield from properties(item)
    elif isinstance(value, list):
        for item in value:
            yield from properties(item)


@pytest.mark.parametrize("name", FILES)
def test_the_tracked_schema_is_what_would_be_written_now(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == schema_text(FILES[name])


def test_both_files_are_written(tmp_path: Path) -> None:
    main(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_described(name: str) -> None:
    found = list(properties(schema(name)))
    assert len(found) > 40
    assert [key for key, value in found if not value.get("description")] == []


@pytest.mark.parametrize("name", FILES)
def test_the_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize(
    "path", sorted([SAMPLE_HOME / "connections.yaml", *(SAMPLE_HOME / "syncs").glob("*.yaml")]), ids=lambda p: p.name
)
def test_the_samples_are_valid_and_name_their_schema(path: Path) -> None:
    name = "connections.schema.json" if path.name == "connections.yaml" else "sync.schema.json"
    text = path.read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), schema(name))
    reference = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / reference).resolve() == DOCS / name


BASE: dict[str, Any] = {
    "sync": "a",
    "to": {"connection": "m", "audience": "A"},
    "from": [{"entity": "c.p", "email": "E", "opt_out": False}],
}


@pytest.mark.parametrize(
    "part",
    [
        {"safety": {"max_adds": "5%", "max_removals": ["5%", 500]}},
        {
            "from": [
                {"entity": "c.p", "email": ["E", "F"], "opt_out": "x = '1'", "fields": {"A": "b", "C": {"sql": "d"}}}
            ]
        },
        {"from": [{**BASE["from"][0], "tags": [{"split": "a", "by": ";"}, {"name": "b"}]}]},
        {"from": [{**BASE["from"][0], "groups": [{"name": "b", "category": "c", "mode": "append"}]}]},
        {"to": {"connection": "m", "audience": "A", "create": None}},
        {"schedule": {"members": None, "timezone": "UTC"}},
    ],
)
def test_short_and_long_forms_are_both_valid(part: dict[str, Any]) -> None:
    jsonschema.validate({**BASE, **part}, schema("sync.schema.json"))


@pytest.mark.parametrize(
    "part",
    [
        {"modus": "mirror"},
        {"mode": "miror"},
        {"safety": {"max_adds": 0.3}},
        {"from": [{"entity": "c.p", "email": "E"}]},
        {"from": [{**BASE["from"][0], "opt_out": True}]},
        {"from": [{**BASE["from"][0], "tags": [{"split": "a"}]}]},
        {"from": []},
    ],
)
def test_what_the_loader_refuses_the_schema_refuses_too(part: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**BASE, **part}, schema("sync.schema.json"))
