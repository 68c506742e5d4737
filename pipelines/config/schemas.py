"""Writes the JSON Schemas of both files for editors: `python -m pipelines.config.schemas`.

Belongs here: the schema's form. Does not: keys and their descriptions (connections.py, sync.py).
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from pipelines.config.connections import ConnectionsFile
from pipelines.config.sync import SyncConfig
from pipelines.config.values import Strict
from pipelines.paths import DOCS

FILES: dict[str, type[Strict]] = {"connections.schema.json": ConnectionsFile, "sync.schema.json": SyncConfig}


class _EditorSchema(GenerateJsonSchema):
    """Without the titles that only repeat the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        return {"$schema": self.schema_dialect, **super().generate(schema, mode)}


def schema_text(model: type[Strict]) -> str:
    """The JSON Schema of a file as users write it, as text with a final newline."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_EditorSchema, mode="validation")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(folder: Path = DOCS) -> None:
    """Write both schemas into the folder."""
    for name, model in FILES.items():
        (folder / name).write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    main()
