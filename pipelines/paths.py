"""Where the parts of the repository are.

Belongs here: its folders. Does not: those of a home (config/home.py).
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DBT_PROJECT = ROOT / "dbt_project"
DOCS = ROOT / "docs"
SAMPLE_HOME = ROOT / "data"
