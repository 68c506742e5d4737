"""Every column of the models from stage to plan is described in their YAML, and nothing that they lack.

Belongs here: names of columns. Does not: what a description says, nor the published tables (test_published.py).
"""

from pathlib import Path

import pytest
import yaml
from plan_models import ROOT, SCHEMA
from plan_world import World, person


def described() -> dict[str, set[str]]:
    """The columns that the YAML of stage, map and plan names, by model."""
    files = [ROOT / "dbt_project" / "models" / part / f"_{part}.yml" for part in ("stage", "map", "plan")]
    models = [model for file in files for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]]
    assert all(column.get("description") for model in models for column in model["columns"])
    return {model["name"]: {column["name"] for column in model["columns"]} for model in models}


def test_each_column_of_a_model_is_described(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(monkeypatch, tmp_path)
    world.want(person("anna"))
    world.plan()
    for model, columns in described().items():
        found = world.database.execute(f"select column_name from (describe {SCHEMA}.{model})").fetchall()
        assert {str(name) for (name,) in found} == columns, model
    world.database.close()
